import asyncio
import json
from pathlib import Path

import pytest
import sqlalchemy as sql
from helpers import IN_MEMORY, details, folded
from hypothesis import given, settings
from hypothesis import strategies as st

from crm.change import Accepted, Change, UnknownCustomerError
from crm.database import Database, StoreUnavailableError
from crm.outbox import Outbox
from crm.store import Store
from crm.tables import counters, customers

pytestmark = pytest.mark.anyio

EVERYTHING = 1_000_000

one_change = st.tuples(st.none() | st.integers(1, 5), st.sampled_from(["a", "b", "c"]), st.sampled_from("012"))


def level(said: dict[int, tuple[int, str, str]], connection_id: str) -> str:
    """What the last change said of those whose customer is still on the connection."""
    on_it = [(when, mandate) for when, at, mandate in said.values() if at == connection_id]
    return max(on_it)[1] if on_it else "0"


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(one_change, max_size=8), max_size=8))
def test_whatever_is_accepted_in_whatever_batches_the_outbox_tells_the_state(
    batches: list[list[tuple[int | None, str, str]]],
) -> None:
    async def run() -> None:
        said: dict[int, tuple[int, str, str]] = {}
        when = 0
        async with Database.opened(IN_MEMORY) as database:
            store, outbox = Store(database, lambda: None), Outbox(database)
            for batch in batches:
                asked = [Change(details(at, to), key, new=key is None) for key, at, to in batch]
                outcomes = await store.accept_all(asked)
                for (_, at, to), outcome in zip(batch, outcomes, strict=True):
                    if isinstance(outcome, Accepted):
                        when += 1
                        before = said.get(outcome.customer_id)
                        said[outcome.customer_id] = before if before and before[1:] == (at, to) else (when, at, to)
                events = await outbox.pending(0, EVERYTHING)
                told = folded(events)
                assert all(told.get(each, "0") == level(said, each) for each in "abc")
                sequences = [event.sequence for event in events]
                assert sequences == sorted(set(sequences))
            stored = json.loads(await store.everyone())
            assert {int(key): (each["connectionId"], each["connectionMandate"]) for key, each in stored.items()} == {
                key: entry[1:] for key, entry in said.items()
            }

    asyncio.run(run())


async def test_sixteen_at_once_get_sixteen_ids_in_a_row(store: Store, outbox: Outbox) -> None:
    asked = [Change(details(f"c{number}")) for number in range(16)]
    accepted = await asyncio.gather(*(store.accept(change) for change in asked))
    assert sorted(each.customer_id for each in accepted) == list(range(1, 17))
    assert len(await outbox.pending(0, EVERYTHING)) == 16


async def test_the_next_id_is_one_above_the_highest(store: Store) -> None:
    await store.accept(Change(details("a"), 41))
    assert (await store.accept(Change(details("b")))).customer_id == 42


async def test_one_who_is_not_there_fails_alone(store: Store) -> None:
    results = await asyncio.gather(
        store.accept(Change(details("a"))),
        store.accept(Change(details("b"), 7, new=False)),
        store.accept(Change(details("c"))),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [Accepted, UnknownCustomerError, Accepted]


async def test_a_caller_who_gives_up_stops_no_one_else(store: Store) -> None:
    first = asyncio.create_task(store.accept(Change(details("a"))))
    second = asyncio.create_task(store.accept(Change(details("b"))))
    await asyncio.sleep(0)  # both are in one batch now
    first.cancel()
    assert (await second).customer_id == 2
    assert json.loads(await store.everyone()).keys() == {"1", "2"}


async def test_a_transaction_whose_caller_gives_up_does_not_cost_a_database_in_memory(
    database: Database, store: Store
) -> None:
    begun = asyncio.Event()

    def work(db: sql.Connection) -> None:
        begun.set()
        db.execute(customers.update().values(mandate="2"))

    await store.accept(Change(details("a")))
    caller = asyncio.create_task(database.run(work))
    await begun.wait()
    caller.cancel()
    await asyncio.gather(caller, return_exceptions=True)
    query = sql.select(customers.c.mandate)
    assert await database.run(lambda db: db.execute(query).scalars().all()) == ["2"]


async def test_a_failed_transaction_is_told_to_all_and_leaves_nothing(
    database: Database, store: Store, outbox: Outbox
) -> None:
    await store.accept(Change(details("a")))
    await database.run(lambda db: db.exec_driver_sql("ALTER TABLE outbox RENAME TO away"))
    results = await asyncio.gather(*(store.accept(Change(details(each))) for each in "bcd"), return_exceptions=True)
    assert [type(result) for result in results] == [StoreUnavailableError] * 3
    await database.run(lambda db: db.exec_driver_sql("ALTER TABLE away RENAME TO outbox"))
    assert json.loads(await store.everyone()).keys() == {"1"}
    assert [event.connection_id for event in await outbox.pending(0, EVERYTHING)] == ["a"]
    assert (await store.accept(Change(details("e")))).customer_id == 2


async def test_it_says_when_there_are_events_and_only_then(database: Database) -> None:
    told: list[None] = []
    store = Store(database, lambda: told.append(None))
    await store.accept(Change(details("a")))
    await store.accept(Change(details("a", city="Zeist"), 1, new=False))
    assert len(told) == 1
    await store.accept_all([Change(details("a", city="Soest"), 1, new=False), Change(details("b"))])
    assert len(told) == 2


async def test_the_sequence_goes_on_growing_after_a_restart_with_nothing() -> None:
    last = 0
    for _ in range(3):
        async with Database.opened(IN_MEMORY) as database:
            store = Store(database, lambda: None)
            for each in "ab":
                (event,) = (await store.accept(Change(details(each)))).events
                assert event.sequence > last
                last = event.sequence


async def test_a_file_keeps_customers_events_and_the_last_sequence(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path}/crm.db"
    far_ahead = 9_000_000_000_000_000
    async with Database.opened(url) as database:
        accepted = await Store(database, lambda: None).accept(Change(details("a")))
        await database.run(lambda db: db.execute(counters.update().values(last_sequence=far_ahead)))
    async with Database.opened(url) as database:
        store = Store(database, lambda: None)
        assert await store.find(1) == accepted.document
        assert await Outbox(database).pending(0, EVERYTHING) == list(accepted.events)
        change = Change(details("a", "2"), 1, new=False)
        assert (await store.accept(change)).events[0].sequence == far_ahead + 1


async def test_a_database_that_cannot_be_opened_is_said_to_be_so() -> None:
    with pytest.raises(StoreUnavailableError, match="cannot be opened"):
        async with Database.opened("sqlite+aiosqlite:////nowhere/crm.db"):
            pass
