"""The API over CRM's real store in memory: what the other stores do, the store's own tests show."""

from collections.abc import AsyncIterator

import httpx
import pytest
from asking import TOKEN, with_state
from helpers import IN_MEMORY
from starlette.types import ASGIApp

from crm.api.app import create_app
from crm.api.state import State
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
def state(store: Store, outbox: Outbox, progress: Progress) -> State:
    return State(customers=store, progress=progress, metrics=Metrics(outbox, Relaying(), progress), app_api_token=TOKEN)


@pytest.fixture
def api(state: State) -> ASGIApp:
    return with_state(create_app(), state)


@pytest.fixture
async def client(api: ASGIApp) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(api, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://crm") as client:
        yield client
