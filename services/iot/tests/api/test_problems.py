import pytest
from answers import is_problem
from fakes import MemoryStore
from httpx import AsyncClient

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", ["/", "/connections/7733/mandate"])
async def test_other_methods(client: AsyncClient, method: str, path: str) -> None:
    answer = await client.request(method, path)
    assert is_problem(answer, 405)
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD"}


async def test_mandates_takes_posts_only(client: AsyncClient) -> None:
    answer = await client.get("/mandates")
    assert is_problem(answer, 405)
    assert answer.headers["allow"] == "POST"


@pytest.mark.parametrize("path", ["/nope", "/connection", "/connections/7733", "/livez/x"])
async def test_other_paths(client: AsyncClient, path: str) -> None:
    assert is_problem(await client.get(path), 404)


async def test_an_error_of_its_own_is_a_problem_too(client: AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MemoryStore, "get", lambda *_: 1 / 0)
    assert is_problem(await client.get("/?connectionId=7733"), 500)
