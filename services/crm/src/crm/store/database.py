"""The SQL database behind the store and the outbox."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Self, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.pool import StaticPool

from crm.domain.customers import OutcomeUnknownError, StoreUnavailableError, StoreUnfitError
from crm.store.dialect import PATIENCE, create_engine, refuses_for_good
from crm.store.migrations import NewerDatabaseError, migrate

T = TypeVar("T")

TURN = 30.0
"""Seconds after which a file or a database in memory, which are never given up themselves, refuse those
that have had no turn."""

MOST_WAITING = 2000
"""Transactions that may wait for their turn; many times what any load has brought about."""

LAST_TURN = 1.0
"""Seconds that a transaction under way is given when the database is closed."""

_FAILURES = (SQLAlchemyError, OSError, EOFError, TimeoutError)


class Database:
    """One connection, kept open, and opened again when it was lost.

    Taking it from a pool and giving it back for each transaction would cost more than most
    transactions do.
    """

    def __init__(self, engine: AsyncEngine, connection: AsyncConnection) -> None:
        self._connection = connection
        self._turn = asyncio.Lock()
        self._waiting = 0  # with the one who has the turn
        self._under_way: asyncio.Task[object] | None = None
        self._closing = False
        self._patience = PATIENCE[engine.dialect.name]
        self._in_memory = isinstance(engine.pool, StaticPool)

    @classmethod
    @asynccontextmanager
    async def opened(cls, url: str) -> AsyncIterator[Self]:
        """The database at a SQLAlchemy URL, its tables made or brought to today's form.

        Raises StoreUnavailableError, StoreUnfitError.
        """
        try:
            engine = create_engine(url)
            async with asyncio.timeout(PATIENCE[engine.dialect.name]):
                connection = await engine.connect()
        except (*_FAILURES, ImportError, ValueError) as error:
            _await_connecting_thread()
            raise StoreUnavailableError(f"the database cannot be opened: {_reason(error)}") from error
        database = cls(engine, connection)
        try:
            try:
                await database.run(migrate)
            except NewerDatabaseError as error:
                raise StoreUnavailableError(f"the database cannot be used: {error}") from error
            yield database
        finally:
            await database._end()
            await connection.close()
            await engine.dispose()

    async def run(
        self, work: Callable[[Connection], T], *, since: float | None = None, within: float | None = None
    ) -> T:
        """What `work` returns, run in a transaction of its own that an exception rolls back.

        Given up, with nothing stored, `within` so many seconds (by default the dialect's PATIENCE) after
        `since` (by the loop's clock, by default now): to wait for the turn counts. A transaction that has
        begun is given up on a server only.

        A caller that is cancelled leaves the transaction to its end: broken off, it would cost
        the connection, and with that a database in memory. Raises StoreUnavailableError, StoreUnfitError.
        """
        if self._waiting >= MOST_WAITING:
            raise StoreUnavailableError(f"{MOST_WAITING} others wait for the database")
        deadline = (since or asyncio.get_running_loop().time()) + (within or self._patience or TURN)
        return await asyncio.shield(asyncio.ensure_future(self._run(work, deadline)))

    async def _run(self, work: Callable[[Connection], T], deadline: float) -> T:
        committing = False

        def transaction(connection: Connection) -> T:
            nonlocal committing
            with connection.begin():
                result = work(connection)
                committing = True
            return result

        # Where nobody is before it, and it is not given up once it has begun, a timer would be for nothing.
        bounded = self._waiting > 0 or self._patience is not None
        self._waiting += 1
        try:
            async with asyncio.timeout_at(deadline if bounded else None) as timer, self._turn:
                self._check(deadline)
                if bounded and self._patience is None:
                    timer.reschedule(None)
                self._under_way = asyncio.current_task()
                try:
                    return await self._connection.run_sync(transaction)
                finally:
                    self._under_way = None
        except _FAILURES as error:
            if refuses_for_good(error):
                raise StoreUnfitError(f"the database is not as CRM needs it: {_reason(error)}") from error
            lost = self._connection.invalidated
            kind = OutcomeUnknownError if committing and lost else StoreUnavailableError
            raise kind(_reason(error)) from error
        finally:
            self._waiting -= 1

    def _check(self, deadline: float) -> None:
        """Whether a transaction may begin. Raises StoreUnavailableError."""
        if self._closing:
            raise StoreUnavailableError("the service stops")
        if asyncio.get_running_loop().time() >= deadline:
            raise TimeoutError
        if self._in_memory and self._connection.invalidated:
            raise StoreUnavailableError("the database in memory is lost: start the service again")

    async def _end(self) -> None:
        """Let no transaction begin, and none go on: a server that is silent must not hold up a stop."""
        self._closing = True
        if under_way := self._under_way:
            await asyncio.wait([under_way], timeout=LAST_TURN)
            under_way.cancel()
            await asyncio.wait([under_way])


def _reason(error: BaseException) -> str:
    """What the database says, without the statement; what is in that may be about a person."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
    return str(cause) or "no answer in time"


def _await_connecting_thread() -> None:
    """aiosqlite's thread ends a little after it failed to connect, and tells the loop so: unless
    it is waited for it may find the loop closed, and print a traceback."""
    for thread in threading.enumerate():
        if "_connection_worker_thread" in thread.name:
            thread.join()
