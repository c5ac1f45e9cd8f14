"""CRM's real store, in memory, in a file and on a real MariaDB, for the tests that want one."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from helpers import IN_MEMORY, emptied

from crm.store.customers import Store
from crm.store.database import Database
from crm.store.outbox import Outbox
from parts import found
from parts.mariadb import MariaDb


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDb]:
    if not found.mariadbd():
        pytest.skip("needs mariadbd (Debian: mariadb-server)")
    with MariaDb(tmp_path_factory.mktemp("mariadb")) as running:
        yield running


@pytest.fixture(params=["memory", "file", "mariadb"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of an empty database."""
    if request.param == "memory":
        return IN_MEMORY
    if request.param == "file":
        return f"sqlite:///{tmp_path}/crm.db"
    return emptied(request.getfixturevalue("mariadb").url)


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    async with Database(url) as opened:
        yield opened


@pytest.fixture
def store(database: Database) -> Store:
    return Store(database, lambda *_: None)


@pytest.fixture
def outbox(database: Database) -> Outbox:
    return Outbox(database)
