import json

import httpx
import pytest
from asking import MOLLY, assert_problem
from helpers import details

from crm.api import customers as reading
from crm.domain.change import Change
from crm.store.customers import Store

pytestmark = pytest.mark.anyio


async def ids(client: httpx.AsyncClient, path: str) -> list[int]:
    return [int(customer["customerId"]) for customer in (await client.get(path)).json()]


async def test_pages_lead_from_one_to_the_next_until_all_are_read(client: httpx.AsyncClient) -> None:
    for _ in range(5):
        await client.post("/customers", json=MOLLY)
    path, read = "/customers?limit=2", []
    while path:
        response = await client.get(path)
        read += [customer["customerId"] for customer in response.json()]
        path = response.links.get("next", {}).get("url", "")
    assert read == ["1", "2", "3", "4", "5"]


async def test_a_page_that_is_exactly_full_is_the_last(client: httpx.AsyncClient) -> None:
    for _ in range(2):
        await client.post("/customers", json=MOLLY)
    assert "link" not in (await client.get("/customers?limit=2")).headers
    assert await ids(client, "/customers?after=1") == [2]
    assert await ids(client, "/customers?after=999999999999999999") == []


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("limit=0", ["limit"]),
        ("limit=1001", ["limit"]),
        ("limit=", ["limit"]),
        ("limit=1&limit=2", ["limit"]),
        ("limit=%D9%A1", ["limit"]),
        ("after=-1", ["after"]),
        ("after=1e3&limit=x", ["limit", "after"]),
        ("after=" + "9" * 19, ["after"]),
    ],
)
async def test_a_page_that_cannot_be_is_refused(client: httpx.AsyncClient, query: str, fields: list[str]) -> None:
    problem = assert_problem(await client.get(f"/customers?{query}"), 422)
    assert [error["field"] for error in problem["errors"]] == fields


async def test_without_a_limit_a_page_has_a_hundred(client: httpx.AsyncClient, store: Store) -> None:
    await store.accept_all([Change(details("1")) for _ in range(101)])
    assert len(await ids(client, "/customers")) == 100


@pytest.mark.parametrize("number", [0, 1, 2, 3, 4, 5])
async def test_all_customers_are_one_object_however_many_pieces_it_takes(
    client: httpx.AsyncClient, store: Store, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(reading, "ALL_AT_ONCE", 2)
    await store.accept_all([Change(details("1")) for _ in range(number)])
    response = await client.get("/")
    assert response.json().keys() == {str(customer_id) for customer_id in range(1, number + 1)}
    assert response.text == json.dumps(response.json(), separators=(",", ":"))


async def test_an_entity_tag_changes_when_the_customer_does(client: httpx.AsyncClient) -> None:
    made = await client.post("/customers", json=MOLLY)
    tag = made.headers["etag"]
    for path in ("/customers/1", "/?customerId=1"):
        assert (await client.get(path)).headers["etag"] == tag
    same = await client.put("/customers/1", json=MOLLY)
    assert same.headers["etag"] == tag
    changed = await client.put("/customers/1", json={**MOLLY, "city": "Enschede"})
    assert changed.headers["etag"] != tag
    assert (await client.get("/customers/1")).headers["etag"] == changed.headers["etag"]


@pytest.mark.parametrize("path", ["/customers/1", "/?customerId=1"])
async def test_who_has_the_customer_already_is_told_so(client: httpx.AsyncClient, path: str) -> None:
    tag = (await client.post("/customers", json=MOLLY)).headers["etag"]
    for known in (tag, f"W/{tag}", "*", f'"other", {tag}'):
        response = await client.get(path, headers={"If-None-Match": known})
        assert (response.status_code, response.content, response.headers["etag"]) == (304, b"", tag)
    assert (await client.get(path, headers={"If-None-Match": '"other"'})).status_code == 200
    assert_problem(await client.get(path, headers={"If-None-Match": tag.strip('"')}), 400)


async def test_all_of_them_have_no_tag(client: httpx.AsyncClient) -> None:
    assert "etag" not in (await client.get("/")).headers
    for known, status in (('"a"', 200), ("*", 304), ("a", 400)):
        assert (await client.get("/", headers={"If-None-Match": known})).status_code == status


async def test_an_unknown_customer_is_unknown_whatever_is_known(client: httpx.AsyncClient) -> None:
    assert_problem(await client.get("/customers/1", headers={"If-None-Match": "*"}), 404)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 200),
        ("/?customerId=1", 200),
        ("/customers?limit=1", 200),
        ("/customers?limit=0", 422),
        ("/customers/1", 200),
        ("/customers/9", 404),
        ("/livez", 200),
        ("/readyz", 200),
        ("/openapi.json", 200),
        ("/metrics", 200),
        ("/nowhere", 404),
    ],
)
async def test_a_head_is_a_get_without_its_body(client: httpx.AsyncClient, path: str, status: int) -> None:
    for _ in range(2):
        await client.post("/customers", json=MOLLY)
    get, head = await client.get(path), await client.head(path)
    assert get.status_code == head.status_code == status
    assert head.headers.keys() == get.headers.keys()
    assert "content-length" in head.headers
    if path != "/metrics":  # which counts these, too
        assert head.headers == get.headers
