"""The SQL database behind the store and the outbox."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Self, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from crm.tables import metadata

T = TypeVar("T")


class StoreUnavailableError(Exception):
    """The database does not answer; nothing was stored, and asking again later may help."""


class Database:
    """One connection, kept open, since the database has one writer: this process.

    Taking it from a pool and giving it back for each transaction would cost more than most
    transactions do.
    """

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self._turn = asyncio.Lock()

    @classmethod
    @asynccontextmanager
    async def opened(cls, url: str) -> AsyncIterator[Self]:
        """The database at a SQLAlchemy URL, its tables made where they are missing.

        Raises StoreUnavailableError.
        """
        try:
            engine = create_async_engine(url)
            connection = await engine.connect()
        except (SQLAlchemyError, ImportError) as error:
            _await_connecting_thread()
            raise StoreUnavailableError(f"the database cannot be opened: {error}") from error
        try:
            database = cls(connection)
            await database.run(metadata.create_all)
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
        def transaction(connection: Connection) -> T:
            with connection.begin():
                return work(connection)

        async with self._turn:
            try:
                return await self._connection.run_sync(transaction)
            except SQLAlchemyError as error:
                raise StoreUnavailableError(str(error)) from error


def _await_connecting_thread() -> None:
    """aiosqlite's thread ends a little after it failed to connect, and tells the loop so: unless
    it is waited for it may find the loop closed, and print a traceback."""
    for thread in threading.enumerate():
        if "_connection_worker_thread" in thread.name:
            thread.join()
