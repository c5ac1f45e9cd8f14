"""What SQLite and MariaDB do differently; all else of the service is one and the same for both."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sql
from sqlalchemy.dialects import mysql, sqlite
from sqlalchemy.ext.compiler import compiles

LOCK_SECONDS = 10
"""How long a process that has gone silent keeps what it has locked."""

_UNFIT = (sql.exc.ProgrammingError, sql.exc.IntegrityError, sql.exc.DataError, sql.exc.NotSupportedError)
_UNFIT_SQLITE = {
    sqlite3.SQLITE_ERROR,  # of the statement: no such table or column
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
}
_UNFIT_MARIADB = {
    1054,  # no such column
    1136,  # another number of columns
    1142,  # no right to the table
    1143,  # no right to the column
    1364,  # a column that needs a value
    4025,  # a constraint
}

_MARIADB = (
    # The lock on `counters` orders all that is written; a snapshot from before it would be stale.
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
    # Who waits outwaits who is silent, and is not refused on account of it.
    f"SET SESSION innodb_lock_wait_timeout = {2 * LOCK_SECONDS}, idle_transaction_timeout = {LOCK_SECONDS}, "
    "sql_mode = 'STRICT_ALL_TABLES', time_zone = '+00:00'",
)
_ON_CONNECT = {
    # FULL: what was committed survives a loss of power. In memory both change nothing.
    "sqlite": ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", f"PRAGMA busy_timeout = {LOCK_SECONDS}000"),
    "mysql": _MARIADB,
    "mariadb": _MARIADB,
}


def is_in_memory(url: sql.URL) -> bool:
    """Whether the database is this process's own, and ends with it."""
    return url.get_backend_name() == "sqlite" and url.database in {None, "", ":memory:"}


def create_engine(url: str, patience: float) -> sql.Engine:
    """The engine at a SQLAlchemy URL; a server that is silent for `patience` seconds is given up.

    Raises SQLAlchemyError, ImportError, ValueError.
    """
    name = sql.make_url(url).get_backend_name()
    if name not in _ON_CONNECT:
        raise ValueError(f"{name} is not supported: use sqlite or mysql+pymysql")
    timeouts = ("connect_timeout", "read_timeout", "write_timeout")
    connect_args = {} if name == "sqlite" else dict.fromkeys(timeouts, patience)
    engine = sql.create_engine(url, pool_reset_on_return=None, connect_args=connect_args, hide_parameters=True)

    @sql.event.listens_for(engine, "connect")
    def prepare(connection: Any, _: object) -> None:
        if name == "sqlite":
            connection.isolation_level = None  # the driver's own BEGIN comes late and locks nothing
        cursor = connection.cursor()
        for statement in _ON_CONNECT[name]:
            cursor.execute(statement)
        cursor.close()

    if name == "sqlite":

        def begin(connection: Any) -> None:
            # What is read at first must still be true when it is written.
            connection.execute("BEGIN IMMEDIATE")

        # Not by a listener: where one is, SQLAlchemy looks for others eight times a statement.
        engine.dialect.do_begin = begin  # type: ignore[method-assign, assignment]
    else:
        # Before all else that a server is asked: MySQL refuses some of that, for reasons that tell nothing.
        sql.event.listen(engine, "connect", _refuse_mysql, insert=True)

    return engine


def _refuse_mysql(connection: Any, _: object) -> None:
    """It speaks as MariaDB does, and lacks what is needed. Raises SQLAlchemyError."""
    cursor = connection.cursor()
    cursor.execute("SELECT version()")
    (version,) = cursor.fetchone()
    cursor.close()
    if "mariadb" not in version.lower():
        raise sql.exc.InvalidRequestError(f"the server is MySQL {version}: CRM needs MariaDB 10.6 or newer")


def refuses_for_good(error: BaseException) -> bool:
    """Whether the database would refuse the same the next time, too, until somebody mends something.

    Not so where it is lost, locked, in a deadlock or full: that passes by itself, or space is made.
    """
    if not isinstance(error, sql.exc.DBAPIError) or error.connection_invalidated:
        return False
    cause = error.orig
    if isinstance(cause, sqlite3.Error):
        # The lowest byte of a code is its kind; an error of the driver's own has none.
        refused = getattr(cause, "sqlite_errorcode", sqlite3.SQLITE_OK) & 0xFF in _UNFIT_SQLITE
    else:
        refused = cause is not None and not _UNFIT_MARIADB.isdisjoint(cause.args[:1])
    return refused or isinstance(error, _UNFIT)


@contextmanager
def schema_locked(db: sql.Connection) -> Iterator[None]:
    """Keeps other processes from changing the tables; SQLite's transaction does so by itself."""
    if db.dialect.name == "sqlite":
        yield
        return
    # MariaDB ends a transaction, and what it has locked, with each statement that makes a table.
    name = sql.func.concat(sql.func.database(), ".crm")
    if db.scalar(sql.select(sql.func.get_lock(name, 2 * LOCK_SECONDS))) != 1:
        raise TimeoutError("another process keeps the tables locked")
    try:
        yield
    finally:
        db.execute(sql.select(sql.func.release_lock(name)))


def updates(table: sql.Table) -> Mapping[str, sql.Insert]:
    """By dialect, what writes over rows that `table` has: of many MariaDB's driver makes one statement, and of as many
    UPDATEs as many."""
    key, others = table.primary_key.columns.keys(), [each.name for each in table.columns if not each.primary_key]
    on_sqlite, on_mariadb = sqlite.insert(table), mysql.insert(table)
    written = on_mariadb.on_duplicate_key_update({name: on_mariadb.inserted[name] for name in others})
    return {
        "sqlite": on_sqlite.on_conflict_do_update(key, set_={name: on_sqlite.excluded[name] for name in others}),
        "mysql": written,
        "mariadb": written,
    }


class clock(sql.ColumnElement[float]):  # noqa: N801  it stands among SQL's functions
    """The database's time, in seconds since 1970: one clock for all that use it."""

    inherit_cache = True
    type = sql.Double()


@compiles(clock, "sqlite")
def _sqlite_clock(*_: object, **__: object) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(clock, "mysql")
@compiles(clock, "mariadb")
def _mariadb_clock(*_: object, **__: object) -> str:
    return "unix_timestamp(sysdate(6))"
