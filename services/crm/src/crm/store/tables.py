"""The tables of CRM's database, in SQL that SQLite and MariaDB both have."""

from typing import Any

import sqlalchemy as sql
from sqlalchemy.types import TypeEngine

from crm.domain.change import KEY_LENGTH
from crm.domain.customer import CONNECTION_ID_LENGTH
from crm.store.dialect import schema_locked

# SQLite keeps only INTEGER, not BIGINT, keys in the table itself; both have 64 bits there.
_Number = sql.BigInteger().with_variant(sql.Integer, "sqlite")

# A length above the largest request makes MariaDB choose a type that holds it.
_Document = sql.Text(1 << 20)

metadata = sql.MetaData()


def _table(name: str, *columns: sql.Column[Any] | sql.Index) -> sql.Table:
    """A table whose text is compared byte by byte, blanks at the end too: SQLite does so anyway.

    With the collation that MariaDB has by default, connection 'a' would also be 'A' and 'ä'.
    """
    engine = {"engine": "InnoDB", "default_charset": "utf8mb4", "collate": "utf8mb4_nopad_bin"}
    options: dict[str, Any] = {
        f"{dialect}_{key}": value for dialect in ("mysql", "mariadb") for key, value in engine.items()
    }
    return sql.Table(name, metadata, *columns, **options)


def _key(name: str, kind: TypeEngine[Any] = _Number) -> sql.Column[Any]:
    return sql.Column(name, kind, primary_key=True, autoincrement=False)


def _column(name: str, kind: TypeEngine[Any] = _Number) -> sql.Column[Any]:
    return sql.Column(name, kind, nullable=False)


customers = _table(
    "customers",
    _key("id"),
    _column("connection_id", sql.String(CONNECTION_ID_LENGTH)),
    _column("mandate", sql.String(1)),
    _column("sequence"),
    _column("document", _Document),
    sql.Index("customers_of_connection", "connection_id", "sequence"),
)

outbox = _table(
    "outbox",
    # The columns are the fields of ConnectionMandate, in its order.
    _column("event_id", sql.String(36)),
    _key("sequence"),
    _column("time", sql.String(32)),
    _column("connection_id", sql.String(CONNECTION_ID_LENGTH)),
    _column("mandate", sql.String(1)),
    sql.Column("traceparent", sql.String(55)),
)

# Its only row is the lock under which ids and sequences are given, so that events are committed
# in the order of their sequence, whatever number of processes writes.
counters = _table("counters", _key("id"), _column("last_customer_id"), _column("last_sequence"))

answers = _table(
    "answers",
    # The answer to the request that had the key first; `expires` in seconds since 1970.
    _key("request_key", sql.String(KEY_LENGTH)),
    _column("fingerprint", sql.String(64)),
    _column("customer_id"),
    _column("document", _Document),
    sql.Column("expires", _Number, index=True, nullable=False),
)

# Files by their digest: those that an empty store is, or was, filled with, and those of which every row was imported.
imported_files = _table("imported_files", _key("digest", sql.String(64)), _column("finished", sql.Boolean()))

# Its only row says which process publishes events, and until when, in seconds since 1970.
relay_lease = _table("relay_lease", _key("id"), _column("holder", sql.String(64)), _column("until", sql.Double()))


def create(db: sql.Connection) -> None:
    """Make what is missing; other processes may do so at the same time."""
    with schema_locked(db):
        metadata.create_all(db)
        # A process that was killed in between has made a table without its indexes: MariaDB commits each of them.
        for table in metadata.sorted_tables:
            for index in table.indexes:
                index.create(db, checkfirst=True)
        if db.execute(counters.select()).first() is None:
            db.execute(counters.insert(), {"id": 1, "last_customer_id": 0, "last_sequence": 0})
        if db.execute(relay_lease.select()).first() is None:
            db.execute(relay_lease.insert(), {"id": 1, "holder": "", "until": 0.0})
