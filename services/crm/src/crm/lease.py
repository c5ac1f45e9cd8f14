"""The lease of the relay: of all processes on one database, one publishes at a time.

Two at once would take the events of a connection to the broker in any order. And a process that
is killed may leave a bulk with its sidecar, which goes on trying without it: whoever comes next
must not publish before that has ended. So events are sent only while the lease lasts longer than
any sidecar tries, and a lease is given up before its time only when nothing is under way.
"""

from time import monotonic
from uuid import uuid4

import sqlalchemy as sql

from crm.database import Database
from crm.dialect import clock
from crm.tables import relay_lease


class Lease:
    """One process's part in it. Methods that ask the database raise StoreUnavailableError."""

    def __init__(self, database: Database, seconds: float) -> None:
        """`seconds` is how long it lasts unless it is renewed."""
        self._database = database
        self._seconds = seconds
        self._holder = str(uuid4())
        self._until = 0.0  # by this process's own clock, so as not to depend on that of the database

    @property
    def held(self) -> bool:
        """Whether it has not run out."""
        return monotonic() < self._until

    async def lasts(self, seconds: float) -> bool:
        """Whether this process surely has it for so many seconds more, by now taken or renewed."""
        if monotonic() + seconds < self._until:
            return True
        asked = monotonic()
        free = sql.or_(relay_lease.c.holder == self._holder, relay_lease.c.until < clock())
        take = relay_lease.update().where(free).values(holder=self._holder, until=clock() + self._seconds)
        taken = await self._database.run(lambda db: db.execute(take).rowcount)
        self._until = asked + self._seconds if taken else 0.0
        return bool(taken)

    async def release(self) -> None:
        """Let another process have it at once. Only while nothing of this one is under way."""
        if self._until:
            self._until = 0.0
            mine = relay_lease.c.holder == self._holder
            await self._database.run(lambda db: db.execute(relay_lease.update().where(mine).values(until=0.0)))
