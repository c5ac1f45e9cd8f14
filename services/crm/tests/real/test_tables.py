import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sql
from helpers import emptied

from crm.store.database import Database
from crm.store.tables import metadata
from parts.mariadb import MariaDb

pytestmark = pytest.mark.anyio

SRC = Path(__file__).parents[2] / "src"


def made_of(db: sql.Connection) -> dict[str, object]:
    """Columns and indexes by table."""
    seen = sql.inspect(db)
    return {
        name: ([column["name"] for column in seen.get_columns(name)], [i["name"] for i in seen.get_indexes(name)])
        for name in seen.get_table_names()
    }


async def test_an_empty_database_gets_all_tables(database: Database) -> None:
    assert (await database.run(made_of)).keys() >= metadata.tables.keys()


async def test_a_start_that_was_killed_while_it_made_the_tables_is_made_up_for(mariadb: MariaDb) -> None:
    async with Database(emptied(mariadb.url)) as database:
        whole = await database.run(made_of)
        await database.run(lambda db: db.exec_driver_sql("DROP TABLE relay_lease, answers"))
        await database.run(lambda db: db.exec_driver_sql("DROP INDEX customers_of_connection ON customers"))
    async with Database(mariadb.url) as database:
        assert await database.run(made_of) == whole


async def test_processes_that_start_at_once_are_all_served(mariadb: MariaDb) -> None:
    url = emptied(mariadb.url)
    code = f"""
import asyncio
from crm.domain.change import Change
from crm.domain.customer import validated
from crm.store.database import Database
from crm.store.customers import Store

async def main():
    async with Database({url!r}) as database:
        details = validated({{"connectionId": "a", "connectionMandate": "1"}})
        print((await Store(database, lambda *_: None).accept(Change(details))).customer_id)

asyncio.run(main())
"""
    start = [sys.executable, "-c", code]
    running = [
        await asyncio.create_subprocess_exec(*start, env={"PYTHONPATH": str(SRC)}, stdout=subprocess.PIPE)
        for _ in range(4)
    ]
    said = [(await process.communicate())[0] for process in running]
    assert sorted(int(each) for each in said) == [1, 2, 3, 4]
