"""Whatever is asked in whatever order, the events tell what is stored: on every store."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from helpers import IN_MEMORY, clear, folded
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm.domain.change import Accepted, Change, RequestKey, StaleError, UnknownCustomerError, entity_tag
from crm.domain.customer import Details, InvalidCustomerError, Patch
from crm.store.customers import Store
from crm.store.database import Database
from crm.store.outbox import Outbox
from parts.mariadb import MariaDb

EVERYTHING = 1_000_000

# Few of each, so that customers often share, leave and come back to connections; and of those
# that a collation could take for each other.
connections = st.sampled_from(["a", "A", "a b", "ä"])
mandates = st.sampled_from("012")
properties = st.fixed_dictionaries({"connectionId": connections, "connectionMandate": mandates})
patches = st.fixed_dictionaries(
    {}, optional={"connectionId": connections, "connectionMandate": mandates | st.just(None), "city": st.text("xy")}
)
changed = st.integers(1, 5)
asked = st.one_of(
    st.builds(Change, st.builds(Details, properties)),
    st.builds(Change, st.builds(Details, properties), changed, new=st.just(False)),
    st.builds(Change, st.builds(Patch, patches), changed, new=st.just(False)),
    st.builds(
        Change,
        st.builds(Patch, patches),
        changed,
        new=st.just(False),
        expected=st.frozensets(
            st.builds(lambda each: entity_tag(Details(each).document(1)), properties), min_size=1, max_size=3
        ),
    ),
    st.builds(
        Change, st.builds(Details, properties), key=st.builds(RequestKey, st.sampled_from("kK"), st.just("same"))
    ),
)


class Model:
    """What must come of changes, by the simplest means: a dictionary, and who spoke last."""

    def __init__(self) -> None:
        self.customers: dict[int, dict[str, str]] = {}
        self.spoke: dict[int, int] = {}
        self.answers: dict[str, str] = {}
        self.turns = 0

    def must_agree(self, change: Change, outcome: object, known: frozenset[int]) -> None:
        """Carry the model over `change`, whose outcome must be the right one."""
        if change.key and change.key.text in self.answers:
            assert isinstance(outcome, Accepted)
            assert (outcome.replayed, outcome.document) == (True, self.answers[change.key.text])
            return
        key = change.customer_id or max(self.customers, default=0) + 1
        before = self.customers.get(key)
        if not change.new and key not in known:
            assert isinstance(outcome, UnknownCustomerError)
            return
        if change.expected is not None and entity_tag(self.text(key)) not in change.expected:
            assert isinstance(outcome, StaleError)
            return
        after = {k: str(v) for k, v in self.merged(change, before).items() if v is not None}
        if "connectionMandate" not in after:
            assert isinstance(outcome, InvalidCustomerError)
            return
        self.turns += 1
        names = ("connectionId", "connectionMandate")
        if before is None or [before[name] for name in names] != [after[name] for name in names]:
            self.spoke[key] = self.turns
        self.customers[key] = after
        assert isinstance(outcome, Accepted)
        assert outcome.document == self.text(key)
        if change.key:
            self.answers[change.key.text] = outcome.document

    @staticmethod
    def merged(change: Change, before: dict[str, str] | None) -> dict[str, object]:
        if isinstance(change.details, Patch):
            return {**(before or {}), **change.details.properties}
        return dict(change.details.properties)

    def text(self, key: int) -> str:
        return Details(self.customers[key]).document(key)

    def level(self, connection_id: str) -> str:
        on_it = [key for key, each in self.customers.items() if each["connectionId"] == connection_id]
        return self.customers[max(on_it, key=self.spoke.__getitem__)]["connectionMandate"] if on_it else "0"


async def play(databases: list[Database], batches: list[list[Change]]) -> None:
    """Ask `batches` of stores on `databases` in turn, which are all on the same tables."""
    model = Model()
    stores = [Store(database, lambda *_: None) for database in databases]
    outbox = Outbox(databases[0])
    for number, batch in enumerate(batches):
        known = frozenset(model.customers)
        outcomes = await stores[number % len(stores)].accept_all(batch)
        for change, outcome in zip(batch, outcomes, strict=True):
            model.must_agree(change, outcome, known)
        events = await outbox.pending(0, EVERYTHING)
        told = folded(events)
        assert {each: told.get(each, "0") for each in "aä"} == {each: model.level(each) for each in "aä"}
        assert all(told.get(each, "0") == model.level(each) for each in ("A", "a b"))
        sequences = [event.sequence for event in events]
        assert sequences == sorted(set(sequences))
    above = max((event.sequence for event in await outbox.pending(0, EVERYTHING)), default=0) + 9
    told_again = await stores[-1].announce(["a", "A", "a b", "ä"], above)
    again = (await outbox.pending(0, EVERYTHING))[-told_again.connections :]
    assert folded(again) == {each: model.level(each) for each in ("a", "A", "a b", "ä")}
    assert again[0].sequence > above
    stored = {key: json.loads(text) for key, text in await stores[0].page(0, EVERYTHING)}
    assert stored == {key: {"customerId": str(key), **each} for key, each in model.customers.items()}


def run_all(play_one: Callable[[list[list[Change]]], Coroutine[Any, Any, None]], runner: asyncio.Runner) -> None:
    @settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.lists(st.lists(asked, max_size=8), max_size=8))
    def run(batches: list[list[Change]]) -> None:
        runner.run(play_one(batches))

    run()


def test_on_sqlite() -> None:
    async def play_one(batches: list[list[Change]]) -> None:
        async with Database(IN_MEMORY) as database:
            await play([database], batches)

    with asyncio.Runner() as runner:
        run_all(play_one, runner)


def test_on_mariadb_through_two_processes_connections(mariadb: MariaDb) -> None:
    with asyncio.Runner() as runner:

        async def play_one(batches: list[list[Change]]) -> None:
            await clear(first)
            await play([first, second], batches)

        opened = [Database(mariadb.url) for _ in range(2)]
        first, second = (runner.run(each.__aenter__()) for each in opened)
        try:
            run_all(play_one, runner)
        finally:
            for each in opened:
                runner.run(each.__aexit__(None, None, None))


@pytest.mark.parametrize("text", ["ab", "å", "a\u0301", "x" * 128])
def test_tags_of_different_texts_differ(text: str) -> None:
    one, other = (Details({"connectionId": "a", "city": each}).document(1) for each in (text, text + " "))
    assert entity_tag(one) == entity_tag(one) != entity_tag(other)
    assert entity_tag(one).isascii()
