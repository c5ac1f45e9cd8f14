"""SQLite's driver, asked once a statement, and in memory without its thread.

aiosqlite asks its thread for the cursor, the statement, the rows and the cursor's end, one after the
other, and each time two threads wait for each other. A file may be slow, so its statements need that
thread. What is in memory answers sooner than another thread would hear of it.
"""

import sqlite3
from typing import Any

import aiosqlite


class Cursor(aiosqlite.Cursor):
    """One that brings the rows along with the statement."""

    _rows: list[Any]

    async def execute(self, sql: str, parameters: Any = None) -> "Cursor":
        """Execute the statement and keep its rows."""
        self._rows = await self._execute(self._all, sql, parameters or ())  # type: ignore[no-untyped-call]
        return self

    def _all(self, sql: str, parameters: Any) -> list[Any]:
        self._cursor.execute(sql, parameters)
        return self._cursor.fetchall() if self._cursor.description else []

    async def fetchall(self) -> list[Any]:
        """The rows of the last statement."""
        return self._rows

    async def close(self) -> None:
        """Close it; that waits for nothing."""
        self._cursor.close()


class Connection(aiosqlite.Connection):
    """One whose cursors are made and closed where they are asked for.

    That can be in another thread than the statements run in, but never at the same time: a connection
    here has one user at a time (database.py), who waits for each statement.
    """

    in_memory = False

    def cursor(self) -> Cursor:  # type: ignore[override]  # no waiting needed, and none done
        """A new cursor."""
        return Cursor(self, self._conn.cursor())

    async def _execute(self, fn: Any, *args: Any, **kwargs: Any) -> Any:
        if self.in_memory:
            return fn(*args, **kwargs)
        return await super()._execute(fn, *args, **kwargs)  # type: ignore[no-untyped-call]


def connect(database: str, **options: Any) -> Connection:
    """A connection to be awaited; `options` are sqlite3.connect's."""
    connection = Connection(lambda: sqlite3.connect(database, **{**options, "check_same_thread": False}), 0)
    connection.in_memory = database == ":memory:"
    connection._thread.daemon = True  # as SQLAlchemy does it: a stuck disk must not keep the process
    return connection
