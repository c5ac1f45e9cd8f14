"""Levels are told once more, whatever was told before: on every store."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sql
from helpers import details, folded

from crm.domain.announcement import AHEAD, continued
from crm.domain.change import Change
from crm.domain.event import next_sequence
from crm.store.customers import Store
from crm.store.database import Database
from crm.store.outbox import Outbox
from crm.store.tables import counters, customers

EVERYTHING = 1_000_000
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
AT_NOON = next_sequence(0, NOON)


@pytest.mark.parametrize(
    ("last", "above", "start"),
    [
        (AT_NOON - 5, AT_NOON - 9, AT_NOON - 5),
        (AT_NOON - 9, AT_NOON - 5, AT_NOON - 5),
        (AT_NOON - 5, AT_NOON + AHEAD, AT_NOON + AHEAD),
        (AT_NOON + AHEAD, 0, AT_NOON + AHEAD),
        (AT_NOON + AHEAD + 1, 0, AT_NOON),
        (AT_NOON + 3 * AHEAD, AT_NOON + AHEAD, AT_NOON + AHEAD),
    ],
    ids=["own is higher", "topic's is higher", "the clock was set back", "a little ahead", "far ahead", "both ahead"],
)
def test_where_sequences_go_on(last: int, above: int, start: int) -> None:
    assert continued(last, above, NOON) == start


@pytest.mark.anyio
async def test_each_has_the_level_of_its_newest_holder_and_0_without_one(store: Store, outbox: Outbox) -> None:
    await store.accept_all([Change(details("shared", "1")), Change(details("shared", "2")), Change(details("a", "1"))])
    before = await outbox.pending(0, EVERYTHING)
    above = before[-1].sequence + 7_000_000
    told = await store.announce(["a", "shared", "nobody's"], above)
    events = (await outbox.pending(0, EVERYTHING))[len(before) :]
    assert folded(events) == {"a": "1", "shared": "2", "nobody's": "0"}
    assert [event.sequence for event in events] == [above + 1, above + 2, above + 3]
    assert (told.connections, told.last_sequence, told.waiting) == (3, above + 3, len(before) + 3)
    await store.accept(Change(details("a", "2"), 3, new=False))
    assert (await outbox.pending(above + 3, EVERYTHING))[0].sequence == above + 4


@pytest.mark.anyio
async def test_a_sequence_that_no_reader_takes_is_set_back_with_the_order_of_the_grants(
    database: Database, store: Store, outbox: Outbox
) -> None:
    tomorrow = next_sequence(0, datetime.now(UTC) + timedelta(days=1))
    await database.run(lambda db: db.execute(counters.update().values(last_sequence=tomorrow)))
    await store.accept_all([Change(details("shared", "2")), Change(details("shared", "1"))])
    told = await store.announce(["shared"], 0)
    assert told.last_sequence < next_sequence(0, datetime.now(UTC))
    (event,) = await outbox.pending(0, EVERYTHING)
    assert (event.mandate, event.sequence) == ("1", told.last_sequence)

    await store.accept(Change(details("elsewhere", "1"), 2, new=False))
    left, _ = await outbox.pending(told.last_sequence, EVERYTHING)
    assert (left.connection_id, left.mandate) == ("shared", "2")
    highest = await database.run(lambda db: db.scalar(sql.select(sql.func.max(customers.c.sequence))))
    assert highest == (await outbox.pending(0, EVERYTHING))[-1].sequence
