"""SQLite's driver, asked once a statement.

aiosqlite asks its thread for the cursor, the statement, the rows and the cursor's end, one after the
other, and each time two threads wait for each other: in memory that is most of a change's time.
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

    That is in another thread than the statements run in, but never at the same time: a connection
    here has one user at a time (database.py), who waits for each statement.
    """

    def cursor(self) -> Cursor:  # type: ignore[override]  # no waiting needed, and none done
        """A new cursor."""
        return Cursor(self, self._conn.cursor())


def connect(database: str, **options: Any) -> Connection:
    """A connection to be awaited; `options` are sqlite3.connect's."""
    connection = Connection(lambda: sqlite3.connect(database, **{**options, "check_same_thread": False}), 0)
    connection._thread.daemon = True  # as SQLAlchemy does it: a stuck disk must not keep the process
    return connection
