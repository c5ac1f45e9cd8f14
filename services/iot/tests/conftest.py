"""What the tests of HTTP share: the app over ports in memory."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fakes import MemoryDeadLetters, MemoryStatus, MemoryStore, app_over
from hypothesis import settings
from pydantic import SecretStr

from iot.settings import Settings
from parts.daprd import APP_API_TOKEN

# A moment in which the machine has other work is no failure.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

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
def status() -> MemoryStatus:
    return MemoryStatus()


@pytest.fixture
async def client(
    store: MemoryStore, dead_letters: MemoryDeadLetters, status: MemoryStatus
) -> AsyncIterator[httpx.AsyncClient]:
    app = app_over(store, dead_letters, status, Settings(app_api_token=SecretStr(APP_API_TOKEN)))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://iot", headers=SIDECAR) as client:
        yield client
