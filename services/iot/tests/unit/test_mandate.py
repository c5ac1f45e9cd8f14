from hypothesis import given
from hypothesis import strategies as st

from iot.domain.mandate import UNKNOWN, Arrival, Mandate, is_level, newest_per_connection, supersedes

small = st.integers(0, 3)
arrivals = st.builds(Arrival, small, small, small)
mandates = st.builds(
    Mandate,
    st.just("7733"),
    st.sampled_from(["0", "1", "2"]),
    st.none() | small,
    arrivals,
)


def told(sequence: int | None, arrival: Arrival = UNKNOWN, level: str = "1") -> Mandate:
    assert is_level(level)
    return Mandate("7733", level, sequence, arrival)


def test_the_higher_sequence_wins_whenever_it_arrives() -> None:
    early, late = Arrival(1, 0, 0), Arrival(2, 0, 0)
    assert supersedes(told(2, early), told(1, late))
    assert not supersedes(told(1, late), told(2, early))


def test_an_event_without_a_sequence_never_beats_one_with() -> None:
    assert not supersedes(told(None, Arrival(9, 9, 9)), told(0))
    assert supersedes(told(0), told(None, Arrival(9, 9, 9)))


def test_without_sequences_the_later_arrival_wins() -> None:
    assert supersedes(told(None, Arrival(5, 0, 2)), told(None, Arrival(5, 0, 1)))
    assert not supersedes(told(None, Arrival(5, 0, 1)), told(None, Arrival(5, 0, 2)))


def test_after_a_repartition_lower_offsets_are_still_the_newer_ones() -> None:
    assert supersedes(told(None, Arrival(6, 7, 0)), told(None, Arrival(5, 0, 900)))


def test_without_sequence_and_arrival_the_last_one_told_wins() -> None:
    assert supersedes(told(None, level="0"), told(None, level="2"))


def test_a_mandate_does_not_supersede_itself() -> None:
    assert not supersedes(told(1), told(1))


@given(mandates, mandates, mandates)
def test_the_order_has_no_circles(a: Mandate, b: Mandate, c: Mandate) -> None:
    if supersedes(c, b) and supersedes(b, a):
        assert supersedes(c, a) or c == a


@given(st.lists(mandates, min_size=1, unique_by=lambda m: (m.sequence, m.arrival)), st.data())
def test_any_repetition_and_reordering_ends_at_the_newest(events: list[Mandate], data: st.DataObject) -> None:
    newest = newest_per_connection(events)
    again = data.draw(st.permutations(events + data.draw(st.lists(st.sampled_from(events)))))
    assert newest_per_connection(again) == newest
    assert all(not supersedes(event, newest["7733"]) for event in events)


def test_connections_do_not_touch_each_other() -> None:
    a, b = Mandate("a", "1", 1), Mandate("b", "2", 2)
    assert newest_per_connection([a, b]) == {"a": a, "b": b}


def test_a_level_is_one_of_three_strings() -> None:
    assert all(map(is_level, ("0", "1", "2")))
    assert not any(map(is_level, ("3", "", "01", "12", 1, None, True, [])))
