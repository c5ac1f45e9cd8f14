import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest

from crm import body as body_module
from crm.api import create_api
from crm.database import Database
from crm.outbox import Outbox
from crm.store import Store

pytestmark = pytest.mark.anyio

MOLLY = {
    "firstName": "Molly",
    "lastName": "Peterson",
    "city": "Zeewolde",
    "connectionId": "928",
    "connectionMandate": "0",
}
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
async def client(store: Store) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_api(store), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://crm") as client:
        yield client


def assert_problem(response: httpx.Response, status: int) -> dict[str, object]:
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    problem: dict[str, object] = response.json()
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    assert "Traceback" not in response.text
    return problem


async def test_a_new_customer_gets_the_next_id_and_is_found_by_it(
    client: httpx.AsyncClient,
) -> None:
    for expected in ("1", "2"):
        created = await client.post("/customers", json=MOLLY)
        assert created.status_code == 201
        assert created.json() == {"customerId": expected, **MOLLY}
        assert created.headers["location"] == f"/customers/{expected}"
    for path in ("/?customerId=2", "/customers/2"):
        found = await client.get(path)
        assert found.status_code == 200
        assert found.json() == {"customerId": "2", **MOLLY}
    everyone = await client.get("/")
    assert everyone.status_code == 200
    assert everyone.json() == {key: {"customerId": key, **MOLLY} for key in ("1", "2")}


async def test_a_change_replaces_all_but_the_id(client: httpx.AsyncClient, outbox: Outbox) -> None:
    await client.post("/customers", json=MOLLY)
    changed = {"connectionId": "928", "connectionMandate": 2, "postalCode": "3891"}
    response = await client.post("/customers/1", json=changed, headers={"traceparent": TRACEPARENT})
    assert response.status_code == 200
    assert response.json() == {"customerId": "1", **changed, "connectionMandate": "2"}
    assert (await client.get("/customers/1")).json() == response.json()
    first, second = await outbox.pending(0, 9)
    assert (first.connection_id, first.mandate, first.traceparent) == ("928", "0", None)
    assert (second.connection_id, second.mandate, second.traceparent) == ("928", "2", TRACEPARENT)


async def test_what_was_answered_can_be_sent_back(client: httpx.AsyncClient) -> None:
    answered = (await client.post("/customers", json=MOLLY)).json()
    assert (await client.post("/customers/1", json=answered)).json() == answered


@pytest.mark.parametrize(
    ("path", "customer_id"),
    [("/customers", "1"), ("/customers", ""), ("/customers/1", "2"), ("/customers/1", 1)],
)
async def test_an_id_in_the_body_is_the_one_of_the_path_or_refused(
    client: httpx.AsyncClient, path: str, customer_id: object
) -> None:
    await client.post("/customers", json=MOLLY)
    problem = assert_problem(await client.post(path, json={**MOLLY, "customerId": customer_id}), 422)
    assert [error["field"] for error in problem["errors"]] == ["customerId"]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "unknown",
    ["42", "0", "07", "-1", "1e0", "constructor", "__proto__", "9" * 400, "%00", "é", "1%2F2"],
)
async def test_an_unknown_id_is_a_404(client: httpx.AsyncClient, unknown: str) -> None:
    await client.post("/customers", json=MOLLY)
    assert_problem(await client.get(f"/customers/{unknown}"), 404)
    assert_problem(await client.get(f"/?customerId={unknown}"), 404)
    assert_problem(await client.post(f"/customers/{unknown}", json=MOLLY), 404)
    assert (await client.get("/")).json().keys() == {"1"}


async def test_an_empty_id_is_unknown_too(client: httpx.AsyncClient) -> None:
    assert_problem(await client.get("/?customerId="), 404)


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"\xff\xfe\x00", 400),
        (b"[" * 60_000, 400),
        (b'{"connectionMandate": ' + b"9" * 10_000 + b"}", 400),
        (b'"str"', 422),
        (b"null", 422),
        (b"7", 422),
        (b"[]", 422),
        (b"{}", 422),
        (b"NaN", 422),
        (b'{"connectionId": "928"}', 422),
        (b'{"connectionId": "\\ud800", "connectionMandate": "1"}', 422),
        (b'{"connectionId": "928", "connectionMandate": "1", "a": {}}', 422),
        (b'{"connectionId": "928", "connectionMandate": "1", "": "x"}', 422),
        (b'{"connectionId": "928", "connectionMandate": 1e400}', 422),
        (b" " * (64 * 1024 + 1), 413),
    ],
)
@pytest.mark.parametrize("path", ["/customers", "/customers/1"])
async def test_a_bad_body_is_refused_and_changes_nothing(
    client: httpx.AsyncClient, outbox: Outbox, path: str, content: bytes, status: int
) -> None:
    await client.post("/customers", json=MOLLY)
    assert_problem(await client.post(path, content=content), status)
    assert (await client.get("/")).json() == {"1": {"customerId": "1", **MOLLY}}
    assert await outbox.backlog() == 1


async def test_each_bad_field_is_named_with_its_reason(client: httpx.AsyncClient) -> None:
    response = await client.post("/customers", json={"city": 7, "connectionMandate": "3"})
    assert assert_problem(response, 422)["errors"] == [
        {"field": "connectionId", "reason": "is missing"},
        {"field": "city", "reason": "must be text, not 7"},
        {"field": "connectionMandate", "reason": 'must be 0, 1 or 2, not "3"'},
    ]


async def test_a_body_of_the_largest_size_is_taken(client: httpx.AsyncClient) -> None:
    body = json.dumps(MOLLY).encode().ljust(64 * 1024)
    assert (await client.post("/customers", content=body)).status_code == 201


async def test_a_body_that_does_not_come_is_given_up(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(body_module, "BODY_SECONDS", 0.01)

    async def never() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    assert_problem(await client.post("/customers", content=never()), 408)


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PUT", "/customers/1", "GET, POST"),
        ("DELETE", "/customers/1", "GET, POST"),
        ("GET", "/customers", "POST"),
        ("POST", "/", "GET"),
        ("PATCH", "/?customerId=1", "GET"),
        ("POST", "/livez", "GET"),
    ],
)
async def test_a_wrong_method_is_answered_with_the_right_ones(
    client: httpx.AsyncClient, method: str, path: str, allow: str
) -> None:
    response = await client.request(method, path)
    assert_problem(response, 405)
    assert response.headers["allow"] == allow


@pytest.mark.parametrize("path", ["/customer", "/customers/", "/customers/1/2", "/../etc", "/docs"])
async def test_another_path_is_a_404(client: httpx.AsyncClient, path: str) -> None:
    assert_problem(await client.get(path), 404)


async def test_alive_and_ready(client: httpx.AsyncClient) -> None:
    assert (await client.get("/livez")).status_code == 200
    assert (await client.get("/readyz")).status_code == 200


async def test_without_the_store_it_says_so_and_is_not_ready(client: httpx.AsyncClient, database: Database) -> None:
    await database.run(lambda db: db.exec_driver_sql("DROP TABLE customers"))
    for response in (
        await client.get("/"),
        await client.get("/customers/1"),
        await client.post("/customers", json=MOLLY),
        await client.get("/readyz"),
    ):
        assert_problem(response, 503)
        assert response.headers["retry-after"] == "1"
    assert (await client.get("/livez")).status_code == 200


async def test_sixteen_posts_at_once_make_sixteen_customers(client: httpx.AsyncClient) -> None:
    responses = await asyncio.gather(*(client.post("/customers", json=MOLLY) for _ in range(16)))
    ids = {response.json()["customerId"] for response in responses}
    assert ids == {str(number) for number in range(1, 17)}
    assert (await client.get("/")).json().keys() == ids


async def test_the_schema_tells_of_each_route_and_its_errors(client: httpx.AsyncClient) -> None:
    paths = (await client.get("/openapi.json")).json()["paths"]
    assert {(path, method) for path, methods in paths.items() for method in methods} == {
        ("/", "get"),
        ("/customers", "post"),
        ("/customers/{customer_id}", "get"),
        ("/customers/{customer_id}", "post"),
    }
    assert paths["/customers"]["post"]["responses"].keys() >= {"201", "400", "413", "422", "503"}
