"""CRM's real store in memory, for the tests that want one."""

from collections.abc import AsyncIterator

import pytest
from helpers import IN_MEMORY

from crm.database import Database
from crm.outbox import Outbox
from crm.store import Store


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def database() -> AsyncIterator[Database]:
    async with Database.opened(IN_MEMORY) as opened:
        yield opened


@pytest.fixture
def store(database: Database) -> Store:
    return Store(database, lambda: None)


@pytest.fixture
def outbox(database: Database) -> Outbox:
    return Outbox(database)
