import pytest
from fakes import MemoryStatus, MemoryStore
from httpx import AsyncClient

from iot.domain.mandate import Mandate

pytestmark = pytest.mark.anyio


async def test_probes(client: AsyncClient, store: MemoryStore) -> None:
    answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ready", "subscribed": True})
    store.away = True
    assert (await client.get("/livez")).status_code == 200


async def test_a_store_that_goes_away_later_takes_no_replica_out(client: AsyncClient, store: MemoryStore) -> None:
    """Not before it was reached once: a release with a wrong name of a store must not become ready."""
    store.away = True
    assert (await client.get("/readyz")).status_code == 503
    store.away = False
    assert (await client.get("/readyz")).status_code == 200
    store.away = True
    assert (await client.get("/readyz")).status_code == 200
    answer = await client.get("/?connectionId=7733")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


async def test_a_replica_without_its_sidecar_is_taken_out(client: AsyncClient, status: MemoryStatus) -> None:
    """The others have theirs."""
    assert (await client.get("/readyz")).status_code == 200
    status.sidecar, status.reason = False, "the sidecar is away: UNAVAILABLE"
    answer = await client.get("/readyz")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert "the sidecar is away" in answer.json()["detail"]


async def test_a_replica_to_which_no_events_come_says_so_and_goes_on_answering(
    client: AsyncClient, store: MemoryStore, status: MemoryStatus
) -> None:
    store.put(Mandate("7733", "1", 5))
    status.reason = "no component"
    answer = await client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ready", "subscribed": False, "reason": "no component"}
    assert (await client.get("/?connectionId=7733")).status_code == 200
