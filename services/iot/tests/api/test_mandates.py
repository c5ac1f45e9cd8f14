from urllib.parse import quote

import pytest
from answers import is_problem
from fakes import MemoryStore
from httpx import AsyncClient, Response

from iot.domain.connection import MAX_ID_LENGTH
from iot.domain.mandate import Mandate

pytestmark = pytest.mark.anyio

HOSTILE = ["a/b", "x||y", "ünï ☃", "a b", "a+b", "%41", "a&b=c", "__proto__", "a'--", "😀"]
NO_IDS = ["\0", "7733\u200b", "\ufeff7733", "77\xad33", " 7733", "7733\xa0", "8,71687E+17", "8.7e5", "1e5"]


@pytest.mark.parametrize("path", ["/?connectionId=7733", "/connections/7733/mandate"])
async def test_a_known_connection(client: AsyncClient, store: MemoryStore, path: str) -> None:
    store.put(Mandate("7733", "1", 5))
    answer = await client.get(path)
    assert answer.status_code == 200
    assert answer.content == b'{"connectionId":"7733","connectionMandate":"1"}'
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize("path", ["/?connectionId=7734", "/connections/7734/mandate"])
async def test_an_unknown_connection(client: AsyncClient, store: MemoryStore, path: str) -> None:
    store.put(Mandate("7733", "1", 5))
    assert is_problem(await client.get(path), 404)


@pytest.mark.parametrize("id_", HOSTILE)
async def test_any_character_in_an_id(client: AsyncClient, store: MemoryStore, id_: str) -> None:
    store.put(Mandate(id_, "2", 5))
    encoded = quote(id_, safe="")
    for path in (f"/?connectionId={encoded}", f"/connections/{encoded}/mandate"):
        answer = await client.get(path)
        assert answer.json() == {"connectionId": id_, "connectionMandate": "2"}


@pytest.mark.parametrize("id_", NO_IDS)
async def test_what_nobody_would_take_for_another_id(client: AsyncClient, store: MemoryStore, id_: str) -> None:
    store.put(Mandate(id_, "2", 5))
    encoded = quote(id_, safe="")
    for path in (
        f"/?connectionId={encoded}",
        f"/connections/{encoded}/mandate",
        f"/connections?connectionId={encoded}",
    ):
        assert is_problem(await client.get(path), 400)


async def test_many_are_told_in_one_answer(client: AsyncClient, store: MemoryStore) -> None:
    store.put(Mandate("a/b", "2", 5))
    store.put(Mandate("7733", "1", 5))
    answer = await client.get("/connections?connectionId=7733&connectionId=nobody&connectionId=a%2Fb&connectionId=7733")
    assert answer.content == (
        b'[{"connectionId":"7733","connectionMandate":"1"},{"connectionId":"a/b","connectionMandate":"2"}]'
    )
    for number, status in {0: 400, 1: 200, 200: 200, 201: 400}.items():
        answer = await client.get("/connections", params={"connectionId": [str(each) for each in range(number)]})
        assert answer.status_code == status
    answer = await client.get("/connections?connectionId=7733&connectionId=4512%E2%80%8B")
    assert answer.json()["detail"] == "the connection id has an invisible character, U+200B: '4512\\u200b'"
    store.away = True
    answer = await client.get("/connections?connectionId=7733")
    assert is_problem(answer, 503)
    assert answer.headers["retry-after"] == "1"


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/?",
        "/?connectionid=7733",
        "/?connectionId",
        "/?connectionId=",
        "/?connectionId=1&connectionId=2",
        f"/?connectionId={'7' * (MAX_ID_LENGTH + 1)}",
        "/connections//mandate",
        f"/connections/{'7' * 5000}/mandate",
    ],
)
async def test_an_id_that_is_none(client: AsyncClient, path: str) -> None:
    assert is_problem(await client.get(path), 400)


@pytest.mark.parametrize("path", ["/?connectionId=7733", "/connections/7733/mandate", "/readyz"])
async def test_a_store_that_is_away(client: AsyncClient, store: MemoryStore, path: str) -> None:
    store.away = True
    answer = await client.get(path)
    assert is_problem(answer, 503)
    assert int(answer.headers["retry-after"]) > 0


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_client_can_ask_whether_what_it_has_is_still_true(
    client: AsyncClient, store: MemoryStore, method: str
) -> None:
    store.put(Mandate("7733", "1", 5))
    first = await client.request(method, "/?connectionId=7733")
    assert first.headers["cache-control"] == "no-cache"
    tag = first.headers["etag"]
    assert tag.startswith('"')

    async def again(if_none_match: str) -> Response:
        return await client.request(method, "/connections/7733/mandate", headers={"If-None-Match": if_none_match})

    for had in (tag, f"W/{tag}", f'"x", {tag}', "*"):
        answer = await again(had)
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)
    for had in ('"x"', tag.strip('"'), '""', ","):
        assert (await again(had)).status_code == 200
    store.put(Mandate("7733", "2", 6))
    assert (await again(tag)).status_code == 200
    store.put(Mandate("7733", "1", 7))
    assert (await again(tag)).status_code == 304


async def test_an_unknown_connection_is_no_match_for_anything(client: AsyncClient) -> None:
    answer = await client.get("/?connectionId=7733", headers={"If-None-Match": "*"})
    assert is_problem(answer, 404)


async def test_queries_are_counted_by_how_they_were_answered(client: AsyncClient, store: MemoryStore) -> None:
    store.put(Mandate("7733", "1", 5))
    for path in ("/?connectionId=7733", "/connections/7733/mandate", "/connections?connectionId=7733"):
        await client.get(path)
        await client.head(path)
    for path in ("/", "/connections", "/?connectionId=nobody", "/livez", "/nowhere"):
        await client.get(path)
    store.away = True
    await client.get("/?connectionId=7733")
    told = (await client.get("/metrics")).text
    for status, times in {200: 6, 304: 0, 400: 2, 404: 1, 503: 1}.items():
        assert f'iot_queries_total{{status="{status}"}} {times}.0' in told
