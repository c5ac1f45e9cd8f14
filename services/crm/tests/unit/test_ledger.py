from datetime import UTC, datetime

import pytest
from helpers import details, folded
from hypothesis import given
from hypothesis import strategies as st

from crm.domain.change import Change, UnknownCustomerError
from crm.domain.event import ConnectionMandate, Grant, levels_changed, next_sequence
from crm.domain.ledger import Ledger

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
NOW_SEQUENCE = 1_795_521_600_000_000

# Few of each, so that customers often share, leave and come back to connections.
connections = st.sampled_from(["a", "b", "c"])
mandates = st.sampled_from(["0", "1", "2"])
customer_ids = st.none() | st.integers(1, 4)
changes = st.lists(st.tuples(customer_ids, connections, mandates), max_size=30)


def level(ledger: Ledger, connection_id: str) -> str:
    on_it = [grant for grant in ledger.grants.values() if grant.connection_id == connection_id]
    return max(on_it, key=lambda grant: grant.sequence).mandate if on_it else "0"


@given(changes)
def test_the_events_so_far_always_tell_the_state_so_far(
    asked: list[tuple[int | None, str, str]],
) -> None:
    ledger = Ledger({}, {}, {}, 0, 0, NOW)
    events: list[ConnectionMandate] = []
    for customer_id, connection_id, mandate in asked:
        is_new = customer_id not in ledger.grants
        change = Change(details(connection_id, mandate), customer_id, new=is_new)
        ledger.known = frozenset(ledger.documents)
        events += ledger.apply(change).events
        told = folded(events)
        assert all(told.get(each, "0") == level(ledger, each) for each in "abc")
    sequences = [event.sequence for event in events]
    assert sequences == sorted(set(sequences))
    assert len({event.event_id for event in events}) == len(events)


def test_a_new_customer_is_told() -> None:
    assert levels_changed(None, "928", "0", []) == [("928", "0")]


def test_another_mandate_is_told() -> None:
    assert levels_changed(Grant("928", "0", 1), "928", "2", []) == [("928", "2")]


def test_the_same_connection_and_mandate_are_not_told() -> None:
    assert levels_changed(Grant("928", "0", 1), "928", "0", []) == []


def test_a_connection_left_by_its_last_holder_is_revoked_before_the_new_one_is_told() -> None:
    assert levels_changed(Grant("928", "2", 1), "929", "2", []) == [("928", "0"), ("929", "2")]


def test_a_connection_left_to_others_falls_to_the_newest_of_them() -> None:
    others = [Grant("928", "1", 5), Grant("928", "0", 3), Grant("930", "2", 9)]
    told = levels_changed(Grant("928", "2", 7), "929", "2", others)
    assert told == [("928", "1"), ("929", "2")]


def test_a_change_that_tells_nothing_does_not_take_the_connection_over() -> None:
    ledger = Ledger({1: "{}"}, {1: Grant("928", "1", 5), 2: Grant("928", "2", 6)}, {}, 2, 6, NOW)
    assert ledger.apply(Change(details("928", "1", city="Zeist"), 1, new=False)).events == []
    assert level(ledger, "928") == "2"


def test_an_unknown_customer_changes_nothing() -> None:
    ledger = Ledger({}, {}, {}, 3, 9, NOW)
    with pytest.raises(UnknownCustomerError):
        ledger.apply(Change(details("928"), 7, new=False))
    assert (ledger.grants, ledger.last_customer_id, ledger.last_sequence) == ({}, 3, 9)


@given(st.integers(0, 2 * NOW_SEQUENCE), st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)))
def test_a_sequence_only_grows_whatever_the_clock_says(last: int, now: datetime) -> None:
    assert next_sequence(last, now.replace(tzinfo=UTC)) > last


def test_a_sequence_after_a_restart_with_nothing_is_the_clock() -> None:
    assert next_sequence(0, NOW) == NOW_SEQUENCE


def test_the_envelope_is_cloudevents_and_the_data_has_two_fields() -> None:
    event = ConnectionMandate("id-1", 17, "2026-11-24T12:00:00.000000Z", "7733", "1")
    assert event.cloudevent() == {
        "specversion": "1.0",
        "id": "id-1",
        "source": "crm",
        "type": "com.mandates.connection-mandate.v1",
        "subject": "7733",
        "time": "2026-11-24T12:00:00.000000Z",
        "datacontenttype": "application/json",
        "sequence": "17",
        "data": {"connectionId": "7733", "connectionMandate": "1"},
    }
