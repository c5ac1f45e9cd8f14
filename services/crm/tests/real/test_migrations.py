import asyncio
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sql
from helpers import details, emptied

from crm.domain.change import Change
from crm.domain.customers import StoreUnavailableError
from crm.store.customers import Store
from crm.store.database import Database
from crm.store.migrations import STEPS
from crm.store.outbox import Outbox
from crm.store.tables import metadata, schema_version
from parts.mariadb import MariaDb

pytestmark = pytest.mark.anyio

SRC = Path(__file__).parents[2] / "src"

WITHOUT_VERSION = """
CREATE TABLE customers (
    id INTEGER NOT NULL, connection_id VARCHAR(128) NOT NULL, mandate VARCHAR(1) NOT NULL,
    sequence INTEGER NOT NULL, document TEXT(1048576) NOT NULL, PRIMARY KEY (id)
);
CREATE INDEX customers_of_connection ON customers (connection_id, sequence);
CREATE INDEX ix_customers_sequence ON customers (sequence);
CREATE TABLE outbox (
    event_id VARCHAR(36) NOT NULL, sequence INTEGER NOT NULL, time VARCHAR(32) NOT NULL,
    connection_id VARCHAR(128) NOT NULL, mandate VARCHAR(1) NOT NULL, traceparent VARCHAR(55), PRIMARY KEY (sequence)
);
INSERT INTO customers VALUES (41, 'a', '1', 9000000000000007,
    '{"customerId":"41","connectionId":"a","connectionMandate":"1"}');
INSERT INTO outbox VALUES ('id', 9000000000000007, '2026-11-24T12:00:00.000000Z', 'a', '1', NULL);
"""


def made_of(db: sql.Connection) -> dict[str, object]:
    """Columns and indexes by table."""
    seen = sql.inspect(db)
    return {
        name: ([column["name"] for column in seen.get_columns(name)], [i["name"] for i in seen.get_indexes(name)])
        for name in seen.get_table_names()
    }


@pytest.fixture
def without_version(tmp_path: Path) -> str:
    """The URL of a file in the form that had no version."""
    with sqlite3.connect(tmp_path / "crm.db") as connection:
        connection.executescript(WITHOUT_VERSION)
    connection.close()
    return f"sqlite+aiosqlite:///{tmp_path}/crm.db"


async def test_a_new_database_has_the_newest_version(database: Database) -> None:
    assert await database.run(lambda db: db.scalar(sql.select(schema_version.c.version))) == len(STEPS)
    assert (await database.run(made_of)).keys() == metadata.tables.keys()


async def test_the_form_without_a_version_keeps_all_and_goes_on_counting(without_version: str) -> None:
    async with Database.opened(without_version) as database, Database.opened(f"{without_version}.new") as new:
        assert await database.run(made_of) == await new.run(made_of)
        store = Store(database, lambda: None)
        assert [key for key, _ in await store.page(0, 9)] == [41]
        assert [event.sequence for event in await Outbox(database).pending(0, 9)] == [9_000_000_000_000_007]
        accepted = await store.accept(Change(details("b")))
        assert (accepted.customer_id, accepted.events[0].sequence) == (42, 9_000_000_000_000_008)


async def test_the_file_that_filled_the_form_without_a_version_is_not_imported_again(without_version: str) -> None:
    async with Database.opened(without_version) as database:
        store = Store(database, lambda: None)
        assert await store.has_imported("the first asked for")
        assert await store.has_imported("the first asked for")
        assert not await store.has_imported("another")


async def test_a_database_of_a_later_release_is_refused_and_left_alone(url: str) -> None:
    if ":memory:" in url:
        pytest.skip("a database in memory has only this release")
    async with Database.opened(url) as database:
        await database.run(lambda db: db.execute(schema_version.update().values(version=99)))
    with pytest.raises(StoreUnavailableError, match=r"version 99.*later release"):
        async with Database.opened(url):
            pass


async def test_a_start_that_was_killed_while_it_made_the_tables_is_made_up_for(mariadb: MariaDb) -> None:
    async with Database.opened(await emptied(mariadb.url)) as database:
        whole = await database.run(made_of)
        await database.run(lambda db: db.exec_driver_sql("DROP TABLE schema_version, answers"))
        await database.run(lambda db: db.exec_driver_sql("DROP INDEX customers_of_connection ON customers"))
    async with Database.opened(mariadb.url) as database:
        assert await database.run(made_of) == whole


async def test_processes_that_start_at_once_are_all_served(mariadb: MariaDb) -> None:
    url = await emptied(mariadb.url)
    code = f"""
import asyncio
from crm.domain.change import Change
from crm.domain.customer import validated
from crm.store.database import Database
from crm.store.customers import Store

async def main():
    async with Database.opened({url!r}) as database:
        details = validated({{"connectionId": "a", "connectionMandate": "1"}})
        print((await Store(database, lambda: None).accept(Change(details))).customer_id)

asyncio.run(main())
"""
    start = [sys.executable, "-c", code]
    running = [
        await asyncio.create_subprocess_exec(*start, env={"PYTHONPATH": str(SRC)}, stdout=subprocess.PIPE)
        for _ in range(4)
    ]
    said = [(await process.communicate())[0] for process in running]
    assert sorted(int(each) for each in said) == [1, 2, 3, 4]
