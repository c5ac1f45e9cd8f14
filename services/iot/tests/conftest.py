"""What the tests of HTTP share: the app over ports in memory."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fakes import MemoryDeadLetters, MemoryStore, MemoryWatch

from iot.main import create_app
from iot.observability.metrics import Metrics
from iot.settings import Settings
from parts.daprd import APP_API_TOKEN

SETTINGS = Settings(app_api_token=APP_API_TOKEN)
SIDECAR = {"dapr-api-token": APP_API_TOKEN}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def dead_letters() -> MemoryDeadLetters:
    return MemoryDeadLetters()


@pytest.fixture
def watch() -> MemoryWatch:
    return MemoryWatch()


@pytest.fixture
async def client(
    store: MemoryStore, dead_letters: MemoryDeadLetters, watch: MemoryWatch
) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(
        create_app(store, dead_letters, watch, Metrics(), SETTINGS), raise_app_exceptions=False
    )
    async with httpx.AsyncClient(transport=transport, base_url="http://iot", headers=SIDECAR) as client:
        yield client
