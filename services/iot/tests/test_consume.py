import asyncio

from fakes import MemoryStore
from hypothesis import given
from hypothesis import strategies as st

from iot.consume import ATTEMPTS, consume
from iot.mandate import Arrival, Level, Mandate, newest_per_connection, supersedes
from iot.store import Stored

IDS = ("a", "b", "c")
DONE: tuple[set[str], str] = (set(), "")


def told(level: Level, sequence: int | None, id_: str = "a") -> Mandate:
    return Mandate(id_, level, sequence)


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


@given(events, st.data())
def test_any_batches_of_repeated_and_reordered_events_end_at_the_newest(
    sent: list[Mandate], data: st.DataObject
) -> None:
    repeated = sent + (data.draw(st.lists(st.sampled_from(sent))) if sent else [])
    left = list(data.draw(st.permutations(repeated)))
    store = MemoryStore()
    while left:
        size = data.draw(st.integers(1, len(left)))
        batch, left = left[:size], left[size:]
        assert asyncio.run(consume(batch, store)) == DONE
    assert {id_: s.mandate for id_, s in store.stored.items()} == newest_per_connection(sent)


@given(events, events)
def test_two_replicas_that_race_end_at_the_newest(one: list[Mandate], two: list[Mandate]) -> None:
    store = MemoryStore()
    theirs = iter(two)

    def other_replica_writes() -> None:
        # It too writes only what is newer than what it found.
        event = next(theirs, None)
        if event and supersedes(event, store.stored.get(event.connection_id, Stored()).mandate):
            store.put(event)

    store.before_save = other_replica_writes
    rounds = len(two) // ATTEMPTS + 2
    for _ in range(rounds):
        open_, _reason = asyncio.run(consume(one, store))
        if not open_:
            break
    assert not open_
    store.before_save = lambda: None
    assert asyncio.run(consume(theirs, store)) == DONE
    by_rank = newest_per_connection([*one, *two])
    for id_, newest in by_rank.items():
        stored = store.stored[id_].mandate
        assert stored
        assert (stored.sequence, stored.arrival) == (newest.sequence, newest.arrival)


def test_an_older_event_writes_nothing() -> None:
    store = MemoryStore()
    store.put(told("2", 5))
    assert asyncio.run(consume([told("0", 4)], store)) == DONE
    assert store.writes == 0


def test_a_slow_replica_that_read_before_a_newer_write_does_not_undo_it() -> None:
    store = MemoryStore()
    store.put(told("0", 1))
    store.before_save = lambda: store.put(told("2", 9)) if store.level("a") == "0" else None
    assert asyncio.run(consume([told("1", 5)], store)) == DONE
    assert store.level("a") == "2"


def test_a_new_key_that_somebody_else_made_first_is_compared_too() -> None:
    store = MemoryStore()
    store.before_save = lambda: store.put(told("2", 9)) if "a" not in store.stored else None
    assert asyncio.run(consume([told("1", 5)], store)) == DONE
    assert store.level("a") == "2"


def test_a_conflict_with_an_older_write_is_overcome() -> None:
    store = MemoryStore()
    store.before_save = lambda: store.put(told("2", 3)) if "a" not in store.stored else None
    assert asyncio.run(consume([told("1", 5)], store)) == DONE
    assert store.level("a") == "1"


def test_endless_conflicts_end_and_concern_only_their_connection() -> None:
    store = MemoryStore()
    turns = iter(range(1000))
    store.before_save = lambda: store.put(Mandate("a", "0", next(turns)))
    unsettled, reason = asyncio.run(consume([told("1", 5000), told("2", 5000, "b")], store))
    assert unsettled == {"a"}
    assert "etag mismatch" in reason
    assert store.level("b") == "2"
    assert next(turns) == ATTEMPTS


def test_a_store_that_is_away_leaves_all_open() -> None:
    store = MemoryStore()
    store.away = True
    unsettled, reason = asyncio.run(consume([told("1", 1), told("1", 1, "b")], store))
    assert unsettled == {"a", "b"}
    assert "connection refused" in reason


def test_a_store_that_goes_away_leaves_open_only_what_was_to_be_written() -> None:
    store = MemoryStore()
    store.put(told("2", 9, "b"))
    store.before_save = lambda: setattr(store, "away", True)
    unsettled, _reason = asyncio.run(consume([told("1", 1), told("1", 1, "b")], store))
    assert unsettled == {"a"}


def test_nothing_asks_nothing_of_the_store() -> None:
    store = MemoryStore()
    store.away = True
    assert asyncio.run(consume([], store)) == DONE
