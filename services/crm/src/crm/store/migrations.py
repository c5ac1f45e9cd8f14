"""Makes the tables, and brings those of an earlier release to today's form.

Written by hand rather than with Alembic, which has no lock for two processes that start at once
and does not know the form that had no version yet.
"""

from collections.abc import Callable

import sqlalchemy as sql

from crm.store.dialect import schema_locked
from crm.store.tables import SOME_FILE, counters, customers, imported_files, metadata, relay_lease, schema_version


class NewerDatabaseError(Exception):
    """The database was made by a later release, whose tables this one does not know."""


def migrate(db: sql.Connection) -> None:
    """Bring the database to the newest version. Raises NewerDatabaseError."""
    with schema_locked(db):
        version = _version(db)
        if version > len(STEPS):
            raise NewerDatabaseError(
                f"the database has version {version}, this release knows up to {len(STEPS)}: start the later release"
            )
        for step in STEPS[version:]:
            step(db)
        if version < len(STEPS):
            db.execute(schema_version.delete())
            db.execute(schema_version.insert(), {"id": 1, "version": len(STEPS)})


def _version(db: sql.Connection) -> int:
    """0 where there is nothing yet, and where there is the form that had no version."""
    if not sql.inspect(db).has_table(schema_version.name):
        return 0
    return db.scalar(sql.select(schema_version.c.version)) or 0


def _make_what_is_missing(db: sql.Connection) -> None:
    """All tables; the two of the form without a version are as they were, but for one index."""
    metadata.create_all(db)
    for table in metadata.sorted_tables:
        for index in table.indexes:
            index.create(db, checkfirst=True)
    without_version = "ix_customers_sequence"
    if any(index["name"] == without_version for index in sql.inspect(db).get_indexes(customers.name)):
        db.execute(sql.text(f"DROP INDEX {without_version}"))
    if db.execute(counters.select()).first() is None:
        last_id, last_sequence = sql.func.max(customers.c.id), sql.func.max(customers.c.sequence)
        found = sql.select(1, sql.func.coalesce(last_id, 0), sql.func.coalesce(last_sequence, 0))
        db.execute(counters.insert().from_select(["id", "last_customer_id", "last_sequence"], found))
        # What is there without a version came from a file, which must not add a customer twice.
        if db.execute(customers.select().limit(1)).first():
            db.execute(imported_files.insert(), {"digest": SOME_FILE})
    if db.execute(relay_lease.select()).first() is None:
        db.execute(relay_lease.insert(), {"id": 1, "holder": "", "until": 0.0})


STEPS: tuple[Callable[[sql.Connection], None], ...] = (_make_what_is_missing,)
"""The n-th leads from version n to n + 1. A step finds its work done, in whole or in part, without
harm: MariaDB commits each table by itself, and the first step makes the newest tables."""
