"""The outbox: events that are stored with their change and wait to be published."""

from collections.abc import Sequence
from datetime import UTC, datetime

import sqlalchemy as sql

from crm.domain.event import ConnectionMandate
from crm.store import changes
from crm.store.database import Database
from crm.store.tables import outbox

# Made once: to build them takes longer than SQLite takes to answer them.
_pending = (
    outbox.select()
    .where(outbox.c.sequence > sql.bindparam("after"))
    .order_by(outbox.c.sequence)
    .limit(sql.bindparam("most"))
)
_forget = outbox.delete().where(outbox.c.sequence.in_(sql.bindparam("sequences", expanding=True)))


GLANCE = 4.0
"""Seconds in which a figure is known or given up: Prometheus waits 10 s for all of them."""


class Outbox:
    """The events not yet published. Every method raises StoreUnavailableError, StoreUnfitError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def pending(self, after: int, limit: int) -> list[ConnectionMandate]:
        """The oldest `limit` events with a sequence above `after`, by rising sequence."""
        bounds = {"after": after, "most": limit}
        found = await self._database.run(lambda db: db.execute(_pending, bounds).all())
        return [ConnectionMandate(*row) for row in found]

    async def forget(self, sequences: Sequence[int]) -> None:
        """Take the events with these sequences out."""
        await self._database.run(lambda db: db.execute(_forget, {"sequences": sequences}))

    async def tell_again(self, connections: Sequence[str], above: int) -> None:
        """Put in what level each of `connections` has now, 0 where nobody holds it, with sequences above `above`."""
        now = datetime.now(UTC)
        await self._database.run(lambda db: changes.announced(db, connections, above, now, None))

    async def backlog(self) -> int:
        """How many events wait."""
        query = sql.select(sql.func.count()).select_from(outbox)
        return await self._database.run(lambda db: db.scalar(query), within=GLANCE) or 0

    async def oldest(self) -> datetime | None:
        """When the oldest event that waits was made, None when none waits."""
        query = sql.select(outbox.c.time).order_by(outbox.c.sequence).limit(1)
        time = await self._database.run(lambda db: db.scalar(query), within=GLANCE)
        return datetime.fromisoformat(time) if time else None
