import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest
from asking import MOLLY, TRACEPARENT, assert_problem

from crm.domain.change import Accepted, Change
from crm.domain.customers import Customers, OutcomeUnknownError, StoreUnavailableError
from crm.domain.progress import Progress
from crm.store.customers import Store
from crm.store.database import Database
from crm.store.outbox import Outbox

pytestmark = pytest.mark.anyio


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
    assert [error["field"] for error in problem["errors"]] == ["customerId"]


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


async def test_prototype_names_are_properties_like_any_other(client: httpx.AsyncClient) -> None:
    strange = {**MOLLY, "__proto__": "x", "constructor": "y"}
    await client.post("/customers", json=strange)
    assert (await client.get("/customers/1")).json() == {"customerId": "1", **strange}


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
        (b"NaN", 400),
        (b'{"connectionId": "928", "connectionMandate": Infinity}', 400),
        (b'{"connectionId": "928", "connectionMandate": "1", "connectionMandate": "2"}', 400),
        (b'\xef\xbb\xbf{"connectionId": "928", "connectionMandate": "1"}', 400),
        ('{"connectionId": "928", "connectionMandate": "1"}'.encode("utf-16"), 400),
        (b'{"connectionId": "928", "connectionMandate": "1", "a": "\\u0000"}', 422),
        (b'{"connectionId": "928", "connectionMandate": "1", "' + b"a" * 65 + b'": "x"}', 422),
        (b'{"connectionId": "928", "connectionMandate": "1", "a": "' + b"x" * 1001 + b'"}', 422),
        (json.dumps({str(n): "x" for n in range(49)} | {"connectionId": "1", "connectionMandate": 1}).encode(), 422),
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


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("DELETE", "/customers/1", "GET, HEAD, PATCH, POST, PUT"),
        ("OPTIONS", "/customers/1", "GET, HEAD, PATCH, POST, PUT"),
        ("PUT", "/customers", "GET, HEAD, POST"),
        ("POST", "/", "GET, HEAD"),
        ("PATCH", "/?customerId=1", "GET, HEAD"),
        ("BREW", "/livez", "GET, HEAD"),
        ("POST", "/openapi.json", "GET, HEAD"),
    ],
)
async def test_a_wrong_method_is_answered_with_the_right_ones(
    client: httpx.AsyncClient, method: str, path: str, allow: str
) -> None:
    response = await client.request(method, path)
    assert_problem(response, 405)
    assert response.headers["allow"] == allow


@pytest.mark.parametrize("path", ["/customer", "/customers/", "/customers/1/2", "/../etc"])
async def test_another_path_is_a_404(client: httpx.AsyncClient, path: str) -> None:
    assert_problem(await client.get(path), 404)


async def test_alive_and_ready(client: httpx.AsyncClient) -> None:
    assert (await client.get("/livez")).status_code == 200
    assert (await client.get("/readyz")).status_code == 200


async def of_each_kind(client: httpx.AsyncClient) -> list[httpx.Response]:
    """The answers to requests that need the store."""
    return [
        await client.get("/"),
        await client.get("/customers/1"),
        await client.post("/customers", json=MOLLY),
        await client.get("/readyz"),
    ]


async def test_without_the_store_it_says_so_and_is_not_ready(
    client: httpx.AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object, **__: object) -> None:
        raise StoreUnavailableError("nobody there")

    monkeypatch.setattr(database, "run", away)
    for response in await of_each_kind(client):
        assert "Try again." in assert_problem(response, 503)["detail"]
        assert response.headers["retry-after"] == "1"
    assert (await client.get("/livez")).status_code == 200


async def test_of_a_store_that_must_be_mended_nobody_is_told_to_try_again(
    client: httpx.AsyncClient, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    await database.run(lambda db: db.exec_driver_sql("DROP TABLE customers"))
    for response in await of_each_kind(client):
        assert "To try again will not help" in assert_problem(response, 500)["detail"]
        assert "retry-after" not in response.headers
    reasons = {record.__dict__["reason"] for record in caplog.records if record.message == "store refuses"}
    assert reasons == {"the database is not as CRM needs it: no such table: customers"}
    assert (await client.get("/livez")).status_code == 200


async def test_sixteen_posts_at_once_make_sixteen_customers(client: httpx.AsyncClient) -> None:
    responses = await asyncio.gather(*(client.post("/customers", json=MOLLY) for _ in range(16)))
    ids = {response.json()["customerId"] for response in responses}
    assert ids == {str(number) for number in range(1, 17)}
    assert (await client.get("/")).json().keys() == ids


@pytest.mark.parametrize(
    ("method", "path", "media_type", "accepted"),
    [
        ("POST", "/customers", "text/xml", "application/json"),
        ("POST", "/customers", "application/x-www-form-urlencoded", "application/json"),
        ("POST", "/customers/1", "multipart/form-data; boundary=x", "application/json"),
        ("PUT", "/customers/1", "application/merge-patch+json", "application/json"),
        ("PATCH", "/customers/1", "application/json-patch+json", "application/merge-patch+json"),
        ("PATCH", "/customers/1", "", "application/merge-patch+json"),
        ("PATCH", "/customers/1", "application/x-www-form-urlencoded", "application/merge-patch+json"),
    ],
)
async def test_another_media_type_is_refused(
    client: httpx.AsyncClient, method: str, path: str, media_type: str, accepted: str
) -> None:
    await client.post("/customers", json=MOLLY)
    response = await client.request(method, path, content=json.dumps(MOLLY), headers={"Content-Type": media_type})
    assert_problem(response, 415)
    assert accepted in response.headers["accept"]


@pytest.mark.parametrize("media_type", ["Application/JSON; charset=utf-8", ""])
async def test_what_says_it_is_json_or_nothing_is_read(client: httpx.AsyncClient, media_type: str) -> None:
    response = await client.post("/customers", content=json.dumps(MOLLY), headers={"Content-Type": media_type})
    assert response.status_code == 201


async def test_an_encoded_body_is_refused(client: httpx.AsyncClient) -> None:
    assert_problem(await client.post("/customers", json=MOLLY, headers={"Content-Encoding": "gzip"}), 415)


async def test_a_body_announced_as_too_large_is_refused_before_it_comes(client: httpx.AsyncClient) -> None:
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 1
            yield b" " * 1024

    announced = {"Content-Length": "70000"}
    assert_problem(await client.post("/customers", content=endless(), headers=announced), 413)
    assert read == 0
    assert_problem(await client.post("/customers", content=endless()), 413)
    assert read <= 65


@pytest.mark.parametrize("path", ["/", "/?customerId=1", "/customers/1", "/customers", "/livez", "/readyz", "/metrics"])
async def test_every_get_may_be_a_head(client: httpx.AsyncClient, path: str) -> None:
    await client.post("/customers", json=MOLLY)
    got, head = await client.get(path), await client.head(path)
    assert head.status_code == 200
    for name in ("content-type", "etag", "link"):
        assert head.headers.get(name) == got.headers.get(name)


async def test_until_the_import_is_finished_nothing_else_is_answered(
    client: httpx.AsyncClient, progress: Progress
) -> None:
    progress.finished, progress.rows, progress.total = False, 3, 9
    for response in (
        await client.get("/readyz"),
        await client.get("/"),
        await client.get("/customers"),
        await client.get("/customers/1"),
        await client.post("/customers", json=MOLLY),
        await client.patch("/customers/1", json=MOLLY),
    ):
        assert "3 of 9 rows" in assert_problem(response, 503)["detail"]
        assert response.headers["retry-after"] == "5"
    assert (await client.get("/livez")).status_code == 200
    assert (await client.get("/metrics")).status_code == 200
    progress.finished = True
    assert (await client.get("/readyz")).status_code == 200


async def test_a_change_whose_outcome_is_unknown_is_not_said_to_have_failed(
    client: httpx.AsyncClient, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lost(change: Change) -> Accepted:
        raise OutcomeUnknownError(f"while {change} was committed")

    monkeypatch.setattr(store, "accept", lost)
    detail = assert_problem(await client.post("/customers", json=MOLLY), 503)["detail"]
    assert "nothing was changed" not in detail


async def test_an_error_nobody_thought_of_is_a_problem_too(
    client: httpx.AsyncClient, store: Customers, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(_: int) -> str | None:
        raise ZeroDivisionError

    monkeypatch.setattr(store, "find", broken)
    assert_problem(await client.get("/customers/1"), 500)
