import pytest
from fakes import MemoryStore
from httpx import AsyncClient

from iot.domain.mandate import Mandate

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    "path",
    ["/?connectionId=7733", "/?connectionId=no", "/", "/connections/7733/mandate", "/connections?connectionId=7733",
     "/livez", "/readyz", "/metrics", "/openapi.json", "/nowhere"],
)  # fmt: skip
async def test_head_is_get_without_its_body(client: AsyncClient, store: MemoryStore, path: str) -> None:
    store.put(Mandate("7733", "1", 5))
    got, head = await client.get(path), await client.head(path)
    assert head.status_code == got.status_code
    varying = {"content-length"} if path == "/metrics" else set()  # it counts the one before
    assert {**head.headers} | dict.fromkeys(varying, "") == {**got.headers} | dict.fromkeys(varying, "")


@pytest.mark.parametrize("path", ["/?connectionId=7733", "/connections/7733/mandate"])
async def test_head(client: AsyncClient, store: MemoryStore, path: str) -> None:
    store.put(Mandate("7733", "1", 5))
    assert (await client.head(path)).status_code == 200
