"""The SQL database behind the store and the outbox."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Self, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.pool import StaticPool

from crm.dialect import PATIENCE, create_engine
from crm.migrations import NewerDatabaseError, migrate

T = TypeVar("T")

_FAILURES = (SQLAlchemyError, OSError, EOFError, TimeoutError)


class StoreUnavailableError(Exception):
    """The database does not answer; nothing was stored, and asking again later may help."""


class OutcomeUnknownError(StoreUnavailableError):
    """The connection was lost while a transaction was committed: it is stored whole or not at all,
    and nobody here knows which."""


class Database:
    """One connection, kept open, and opened again when it was lost.

    Taking it from a pool and giving it back for each transaction would cost more than most
    transactions do.
    """

    def __init__(self, engine: AsyncEngine, connection: AsyncConnection) -> None:
        self._connection = connection
        self._turn = asyncio.Lock()
        self._patience = PATIENCE[engine.dialect.name]
        self._in_memory = isinstance(engine.pool, StaticPool)

    @classmethod
    @asynccontextmanager
    async def opened(cls, url: str) -> AsyncIterator[Self]:
        """The database at a SQLAlchemy URL, its tables made or brought to today's form.

        Raises StoreUnavailableError.
        """
        try:
            engine = create_engine(url)
            connection = await engine.connect()
        except (*_FAILURES, ImportError, ValueError) as error:
            _await_connecting_thread()
            raise StoreUnavailableError(f"the database cannot be opened: {error}") from error
        try:
            database = cls(engine, connection)
            try:
                await database.run(migrate)
            except NewerDatabaseError as error:
                raise StoreUnavailableError(f"the database cannot be used: {error}") from error
            yield database
        finally:
            await connection.close()
            await engine.dispose()

    async def run(self, work: Callable[[Connection], T]) -> T:
        """What `work` returns, run in a transaction of its own that an exception rolls back.

        A caller that is cancelled leaves the transaction to its end: broken off, it would cost
        the connection, and with that a database in memory. Raises StoreUnavailableError.
        """
        return await asyncio.shield(asyncio.ensure_future(self._run(work)))

    async def _run(self, work: Callable[[Connection], T]) -> T:
        committing = False

        def transaction(connection: Connection) -> T:
            nonlocal committing
            with connection.begin():
                result = work(connection)
                committing = True
            return result

        async with self._turn:
            if self._in_memory and self._connection.invalidated:
                raise StoreUnavailableError("the database in memory is lost: start the service again")
            try:
                async with asyncio.timeout(self._patience):
                    return await self._connection.run_sync(transaction)
            except _FAILURES as error:
                lost = self._connection.invalidated
                kind = OutcomeUnknownError if committing and lost else StoreUnavailableError
                raise kind(str(error) or f"no answer within {self._patience} s") from error


def _await_connecting_thread() -> None:
    """aiosqlite's thread ends a little after it failed to connect, and tells the loop so: unless
    it is waited for it may find the loop closed, and print a traceback."""
    for thread in threading.enumerate():
        if "_connection_worker_thread" in thread.name:
            thread.join()
