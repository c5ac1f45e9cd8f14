"""The API over CRM's real store in memory: what the other stores do, the store's own tests show."""

from collections.abc import AsyncIterator

import httpx
import pytest
from asking import TOKEN
from fastapi import FastAPI
from helpers import IN_MEMORY

from crm.api.app import create_api
from crm.domain.progress import Progress
from crm.observability.metrics import Metrics
from crm.store.customers import Store
from crm.store.outbox import Outbox


class Relaying:
    """What a relay has counted."""

    published = 5
    failed = 2
    active = True


@pytest.fixture
def url() -> str:
    return IN_MEMORY


@pytest.fixture
def progress() -> Progress:
    return Progress(finished=True)


@pytest.fixture
def api(store: Store, outbox: Outbox, progress: Progress) -> FastAPI:
    return create_api(store, progress, Metrics(outbox, Relaying(), progress), TOKEN)


@pytest.fixture
async def client(api: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(api, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://crm") as client:
        yield client
