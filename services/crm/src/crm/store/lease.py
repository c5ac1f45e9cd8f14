"""The lease of the relay: of all processes on one database, one publishes at a time.

Two at once would take the events of a connection to the broker in any order. And a process that
is killed may leave a bulk with its sidecar, which goes on trying without it: whoever comes next
must not publish before that has ended. So events are sent only while the lease lasts for as long as
a sidecar goes on, it is renewed while they are under way, and it is given up before its time only
when nothing is.
"""

from asyncio import Lock
from collections.abc import Callable
from time import monotonic
from uuid import uuid4

import sqlalchemy as sql

from crm.store.database import Database
from crm.store.dialect import clock
from crm.store.tables import relay_lease

RELEASE = 2.0
"""Seconds in which it is released or left to run out, so that a stop does not wait for a silent database."""

GRAIN = 0.002
"""Seconds more than what the database's clock leaves out, which may count in ms: the other must not have it before this
process knows that its own time is over."""

_noted = sql.select(relay_lease.c.holder, relay_lease.c.until).with_for_update()


class Lease:
    """One process's part in it. Methods that ask the database raise StoreUnavailableError, StoreUnfitError."""

    def __init__(self, database: Database, seconds: float) -> None:
        """`seconds` is how long it lasts unless it is renewed."""
        self._database = database
        self._seconds = seconds
        self._holder = str(uuid4())
        self._asking = Lock()  # what the database says last must be what is known here
        self._until = 0.0  # by this process's own clock, so as not to depend on that of the database
        self._seen: tuple[str, float] | None = None  # another's
        self._seen_at = 0.0

    @property
    def held(self) -> bool:
        """Whether it was taken and has not run out since."""
        return self.has(0)

    def has(self, seconds: float) -> bool:
        """Whether it will not have run out after so many seconds."""
        return monotonic() + seconds < self._until

    async def take(self) -> bool:
        """Whether this process has it, by now taken if it is free."""
        async with self._asking:
            await self._ask(self._take)
        return self.held

    async def renew(self, seconds: float) -> None:
        """Keep it, unless it lasts so many seconds more anyhow; where another had it meanwhile it is lost."""
        if not self.has(seconds):
            async with self._asking:
                if self.held:
                    await self._ask(self._renew)

    async def _ask(self, change: Callable[[sql.Connection], bool]) -> None:
        until = monotonic() + self._seconds - GRAIN  # from when it is asked: the answer may be long in coming
        self._until = until if await self._database.run(change) else 0.0

    def _take(self, db: sql.Connection) -> bool:
        if self._renew(db, relay_lease.c.until < clock()):
            return True
        return self._is_forgotten(db) and self._renew(db, sql.true())

    def _renew(self, db: sql.Connection, *otherwise: sql.ColumnElement[bool]) -> bool:
        mine = relay_lease.c.holder == self._holder
        taken = relay_lease.update().values(holder=self._holder, until=clock() + self._seconds)
        return bool(db.execute(taken.where(sql.or_(mine, *otherwise))).rowcount)

    def _is_forgotten(self, db: sql.Connection) -> bool:
        """Whether another has not renewed it for as long as it lasts, whatever it says: the clock
        of the database may have been far ahead when that was written."""
        holder, until = db.execute(_noted).one()
        if self._seen != (holder, until):
            self._seen, self._seen_at = (holder, until), monotonic()
        return monotonic() - self._seen_at > self._seconds

    async def release(self) -> None:
        """Let another process have it at once. Only while nothing of this one is under way."""
        async with self._asking:
            if self._until:
                self._until = 0.0
                mine = relay_lease.update().where(relay_lease.c.holder == self._holder).values(until=0.0)
                await self._database.run(lambda db: db.execute(mine), within=RELEASE)
