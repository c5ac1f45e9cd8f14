"""What the tests of HTTP share: the app over a store in memory."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fakes import MemoryStore

from iot.app import create_app


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
async def client(store: MemoryStore) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_app(store), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://iot") as client:
        yield client
