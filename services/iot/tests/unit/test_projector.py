import asyncio
from collections.abc import Iterable
from unittest.mock import patch

import pytest
from fakes import MemoryStore
from hypothesis import given
from hypothesis import strategies as st

from iot.consumer.projector import ATTEMPTS, TOGETHER, Outcome, Projector
from iot.domain.mandate import Arrival, Level, Mandate, newest_per_connection, supersedes
from iot.observability.metrics import Metrics
from iot.readmodel.store import Stored

IDS = ("a", "b", "c")


def told(level: Level, sequence: int | None, id_: str = "a") -> Mandate:
    return Mandate(id_, level, sequence)


def project(mandates: Iterable[Mandate], store: MemoryStore) -> Outcome:
    return asyncio.run(Projector(store, Metrics()).project(mandates))


def settled(mandates: Iterable[Mandate], store: MemoryStore) -> bool:
    return not project(mandates, store).unsettled


events = st.lists(
    st.builds(
        Mandate,
        st.sampled_from(IDS),
        st.sampled_from(["0", "1", "2"]),
        st.none() | st.integers(0, 9),
        st.builds(Arrival, st.integers(0, 9), st.integers(0, 3), st.integers(0, 9)),
    ),
    unique_by=lambda m: (m.connection_id, m.sequence, m.arrival),
)


# Parts of one connection: each that is new is as good as a part of many, and the next is taken to be new, too.
@pytest.mark.parametrize("together", [1, TOGETHER])
@given(events, st.data())
def test_any_batches_of_repeated_and_reordered_events_end_at_the_newest(
    together: int, sent: list[Mandate], data: st.DataObject
) -> None:
    repeated = sent + (data.draw(st.lists(st.sampled_from(sent))) if sent else [])
    left = list(data.draw(st.permutations(repeated)))
    store = MemoryStore()
    projector = Projector(store, Metrics())
    with patch("iot.consumer.projector.TOGETHER", together):
        while left:
            size = data.draw(st.integers(1, len(left)))
            batch, left = left[:size], left[size:]
            assert not asyncio.run(projector.project(batch)).unsettled
    assert {id_: s.mandate for id_, s in store.stored.items()} == newest_per_connection(sent)


@pytest.mark.parametrize("together", [1, TOGETHER])
@given(events, events)
def test_two_replicas_that_race_end_at_the_newest(together: int, one: list[Mandate], two: list[Mandate]) -> None:
    store = MemoryStore()
    projector = Projector(store, Metrics())
    theirs = iter(two)

    def other_replica_writes() -> None:
        # It too writes only what is newer than what it found.
        event = next(theirs, None)
        if event and supersedes(event, store.stored.get(event.connection_id, Stored()).mandate):
            store.put(event)

    store.before_save = other_replica_writes
    rounds = len(two) // ATTEMPTS + 2
    with patch("iot.consumer.projector.TOGETHER", together):
        for _ in range(rounds):
            open_ = asyncio.run(projector.project(one)).unsettled
            if not open_:
                break
    assert not open_
    store.before_save = lambda: None
    assert settled(theirs, store)
    by_rank = newest_per_connection([*one, *two])
    for id_, newest in by_rank.items():
        stored = store.stored[id_].mandate
        assert stored
        assert (stored.sequence, stored.arrival) == (newest.sequence, newest.arrival)


def test_an_older_event_writes_nothing() -> None:
    store = MemoryStore()
    store.put(told("2", 5))
    assert settled([told("0", 4)], store)
    assert store.writes == 0


def test_a_slow_replica_that_read_before_a_newer_write_does_not_undo_it() -> None:
    store = MemoryStore()
    store.put(told("0", 1))
    store.before_save = lambda: store.put(told("2", 9)) if store.level("a") == "0" else None
    assert settled([told("1", 5)], store)
    assert store.level("a") == "2"


def test_a_new_key_that_somebody_else_made_first_is_compared_too() -> None:
    store = MemoryStore()
    store.before_save = lambda: store.put(told("2", 9)) if "a" not in store.stored else None
    assert settled([told("1", 5)], store)
    assert store.level("a") == "2"


def test_a_conflict_with_an_older_write_is_overcome() -> None:
    store = MemoryStore()
    store.before_save = lambda: store.put(told("2", 3)) if "a" not in store.stored else None
    assert settled([told("1", 5)], store)
    assert store.level("a") == "1"


def test_endless_conflicts_end_and_concern_only_their_connection() -> None:
    store = MemoryStore()
    turns = iter(range(1000))
    store.before_save = lambda: store.put(Mandate("a", "0", next(turns)))
    outcome = project([told("1", 5000), told("2", 5000, "b")], store)
    assert outcome.unsettled == {"a"}
    assert "etag mismatch" in outcome.reason
    assert store.level("b") == "2"
    assert next(turns) == ATTEMPTS


def test_a_store_that_is_away_leaves_all_open() -> None:
    store = MemoryStore()
    store.away = True
    outcome = project([told("1", 1), told("1", 1, "b")], store)
    assert outcome.unsettled == {"a", "b"}
    assert "connection refused" in outcome.reason


def test_a_store_that_goes_away_leaves_open_only_what_was_to_be_written() -> None:
    store = MemoryStore()
    store.put(told("2", 9, "b"))
    store.before_save = lambda: setattr(store, "away", True)
    outcome = project([told("1", 1), told("1", 1, "b")], store)
    assert outcome.unsettled == {"a"}


def test_nothing_asks_nothing_of_the_store() -> None:
    store = MemoryStore()
    store.away = True
    assert settled([], store)


def test_what_was_written_is_told_and_nothing_else() -> None:
    store = MemoryStore()
    store.put(told("2", 9, "b"))
    new = told("1", 1)
    assert project([told("0", 0), new, told("1", 1, "b")], store) == Outcome([new])
    assert project([new], store) == Outcome([])


def test_what_a_refused_write_did_is_told_too() -> None:
    store = MemoryStore()
    store.before_save = lambda: store.put(told("2", 9, "b")) if "b" not in store.stored else None
    assert project([told("1", 5), told("1", 5, "b")], store) == Outcome([told("1", 5)])


def test_a_batch_of_many_parts_is_settled_whole_and_one_that_fails_fails_alone() -> None:
    store = MemoryStore()
    many = [told("1", 5000, f"c{number}") for number in range(3 * TOGETHER + 1)]
    turns = iter(range(1000))
    store.before_save = lambda: store.put(Mandate(f"c{TOGETHER}", "0", next(turns)))
    outcome = project(many, store)
    assert outcome.unsettled == {f"c{TOGETHER}"}
    assert set(outcome.applied) == {*many} - {many[TOGETHER]}
    assert all(store.level(mandate.connection_id) == "1" for mandate in outcome.applied)


def test_while_all_is_new_nothing_is_read_and_what_is_not_new_after_all_is_compared() -> None:
    store = MemoryStore()
    projector = Projector(store, Metrics())

    def reads(*mandates: Mandate) -> int:
        before = store.reads
        assert not asyncio.run(projector.project(mandates)).unsettled
        return store.reads - before

    many = [told("1", 5, f"c{number}") for number in range(TOGETHER)]
    assert reads(*many[1:]) == 1
    assert reads(*(told("1", 5, f"d{number}") for number in range(TOGETHER))) == 1
    assert reads(told("1", 5, "e")) == 0
    assert reads(told("1", 5, "f"), told("0", 4, "c1"), told("2", 6, "c2")) == 1
    assert [store.level(id_) for id_ in ("e", "f", "c1", "c2")] == ["1", "1", "1", "2"]
    assert reads(told("1", 5, "g")) == 1


def test_where_one_is_known_all_are_read() -> None:
    store = MemoryStore()
    projector = Projector(store, Metrics())
    store.put(told("2", 9, "c7"))
    for number in range(3):
        asyncio.run(projector.project(told("1", number, f"c{each}") for each in range(TOGETHER)))
    assert store.reads == 3
    assert store.level("c7") == "2"
    assert store.refusals == 0


class TestRecent:
    """What was written a moment ago is written over without being read."""

    def test_one_change_after_the_other_is_read_once(self) -> None:
        store = MemoryStore()
        projector = Projector(store, Metrics())
        for sequence in range(5):
            assert asyncio.run(projector.project([told("1", sequence)])).applied
        assert store.reads == 1
        assert store.refusals == 0

    def test_what_somebody_else_has_written_since_is_compared(self) -> None:
        store = MemoryStore()
        projector = Projector(store, Metrics())
        asyncio.run(projector.project([told("1", 1)]))
        store.put(told("2", 9))
        assert not asyncio.run(projector.project([told("0", 5)])).applied
        assert store.level("a") == "2"
        assert asyncio.run(projector.project([told("0", 10)])).applied
        assert store.level("a") == "0"

    def test_what_seems_old_is_compared_with_what_is_stored(self) -> None:
        store = MemoryStore()
        projector = Projector(store, Metrics())
        asyncio.run(projector.project([told("2", 9)]))
        store.stored.clear()
        assert asyncio.run(projector.project([told("1", 5)])).applied

    def test_where_the_version_is_not_known_it_is_read(self) -> None:
        class Reticent(MemoryStore):
            async def save(self, changes: Iterable[tuple[Mandate, str | None]]) -> dict[str, str]:
                await super().save(changes)
                return {}

        store = Reticent()
        projector = Projector(store, Metrics())
        for sequence in range(3):
            asyncio.run(projector.project([told("1", sequence)]))
        assert store.reads == 3
