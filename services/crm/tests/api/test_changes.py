import asyncio
import json

import httpx
import pytest
from asking import MOLLY, assert_problem

from crm.domain.customer import LAST_ID
from crm.store.customers import Store
from crm.store.outbox import Outbox

pytestmark = pytest.mark.anyio

CHANGES = ("PUT", "PATCH", "POST")


async def test_put_replaces_a_customer_and_makes_none(client: httpx.AsyncClient) -> None:
    assert_problem(await client.put("/customers/1", json=MOLLY), 404)
    await client.post("/customers", json=MOLLY)
    response = await client.put("/customers/1", json={"connectionId": "928", "connectionMandate": "1"})
    assert response.status_code == 200
    assert response.json() == {"customerId": "1", "connectionId": "928", "connectionMandate": "1"}


async def test_patch_replaces_what_is_given_and_removes_what_is_null(client: httpx.AsyncClient) -> None:
    await client.post("/customers", json=MOLLY)
    patch = {"customerId": "1", "connectionMandate": 2, "city": None, "nothing": None, "postalCode": "3891"}
    response = await client.patch("/customers/1", json=patch)
    assert response.status_code == 200
    expected = {**MOLLY, "customerId": "1", "connectionMandate": "2", "postalCode": "3891"}
    del expected["city"]
    assert response.json() == expected == (await client.get("/customers/1")).json()
    again = await client.patch(
        "/customers/1", content=b"{}", headers={"Content-Type": "application/merge-patch+json; charset=utf-8"}
    )
    assert again.json() == expected


@pytest.mark.parametrize(
    ("patch", "field"),
    [
        ({"connectionId": None}, "connectionId"),
        ({"connectionMandate": "3"}, "connectionMandate"),
        ({"city": {"name": None}}, "city"),
        ({"customerId": None}, "customerId"),
        ({"customerId": "2"}, "customerId"),
        ({str(number): "x" for number in range(46)}, "properties"),
    ],
)
async def test_a_patch_of_which_no_customer_comes_is_refused(
    client: httpx.AsyncClient, patch: dict[str, object], field: str
) -> None:
    await client.post("/customers", json=MOLLY)
    problem = assert_problem(await client.patch("/customers/1", json=patch), 422)
    assert [error["field"] for error in problem["errors"]] == [field]
    assert (await client.get("/customers/1")).json() == {"customerId": "1", **MOLLY}


async def test_a_patch_of_nobody_is_a_404(client: httpx.AsyncClient) -> None:
    for customer_id in ("1", "07", "__proto__"):
        assert_problem(await client.patch(f"/customers/{customer_id}", json={"city": "x"}), 404)


@pytest.mark.parametrize("method", CHANGES)
async def test_a_change_is_taken_only_from_who_has_read_the_last_one(client: httpx.AsyncClient, method: str) -> None:
    first = (await client.post("/customers", json=MOLLY)).headers["etag"]
    body = {**MOLLY, "city": "Enschede"}
    for right in ("*", f'"other", {first}', first):
        assert (await client.request(method, "/customers/1", json=MOLLY, headers={"If-Match": right})).is_success
    changed = await client.request(method, "/customers/1", json=body, headers={"If-Match": first})
    assert changed.status_code == 200
    for wrong in (first, f"W/{changed.headers['etag']}", '"*"', '""'):
        problem = await client.request(method, "/customers/1", json=MOLLY, headers={"If-Match": wrong})
        assert_problem(problem, 412)
    assert (await client.get("/customers/1")).json()["city"] == "Enschede"
    assert (await client.request(method, "/customers/1", json=MOLLY)).status_code == 200


@pytest.mark.parametrize("method", CHANGES)
@pytest.mark.parametrize("text", ["", ",", "a", '"a', '"a" "b"', '*, "a"', 'w/"a"', '"a", *', " " * 60_000 + "x"])
async def test_a_condition_that_cannot_be_read_is_refused(client: httpx.AsyncClient, method: str, text: str) -> None:
    await client.post("/customers", json=MOLLY)
    assert_problem(await client.request(method, "/customers/1", json=MOLLY, headers={"If-Match": text}), 400)


async def test_a_condition_for_reading_is_refused_where_it_would_not_be_kept(client: httpx.AsyncClient) -> None:
    await client.post("/customers", json=MOLLY)
    assert_problem(await client.put("/customers/1", json=MOLLY, headers={"If-None-Match": "*"}), 400)


async def test_a_condition_on_nobody_is_a_404(client: httpx.AsyncClient) -> None:
    assert_problem(await client.put("/customers/1", json=MOLLY, headers={"If-Match": "*"}), 404)


@pytest.mark.parametrize(("condition", "status"), [("*", 412), ('"a"', 412), ('W/"a", "b"', 412), ("a", 400)])
async def test_no_customer_is_made_who_would_have_to_be_there(
    client: httpx.AsyncClient, condition: str, status: int
) -> None:
    for key in ({}, {"Idempotency-Key": "a"}):
        response = await client.post("/customers", json=MOLLY, headers={"If-Match": condition, **key})
        assert_problem(response, status)
    assert_problem(await client.post("/customers", json={}, headers={"If-Match": condition}), 422)
    assert_problem(await client.post("/customers", json=MOLLY, headers={"If-None-Match": "*"}), 400)
    assert (await client.get("/")).json() == {}


async def test_of_two_who_change_what_they_both_read_one_is_told(client: httpx.AsyncClient) -> None:
    tag = (await client.post("/customers", json=MOLLY)).headers["etag"]
    cities = [{"city": city} for city in ("Enschede", "Zeist")]
    answers = await asyncio.gather(
        *(client.patch("/customers/1", json=city, headers={"If-Match": tag}) for city in cities)
    )
    assert sorted(answer.status_code for answer in answers) == [200, 412]


async def test_a_request_with_a_key_sent_again_is_answered_the_same_and_changes_nothing(
    client: httpx.AsyncClient, outbox: Outbox
) -> None:
    key = {"Idempotency-Key": "0193 6a1c"}
    first = await client.post("/customers", json=MOLLY, headers=key)
    assert "idempotency-replayed" not in first.headers
    await client.put("/customers/1", json={**MOLLY, "city": "Enschede"})
    reordered = dict(reversed(MOLLY.items())) | {"connectionMandate": 0}
    for body in (MOLLY, reordered):
        again = await client.post("/customers", json=body, headers=key)
        assert (again.status_code, again.content) == (201, first.content)
        for name in ("location", "etag"):
            assert again.headers[name] == first.headers[name]
        assert again.headers["idempotency-replayed"] == "true"
    assert (await client.get("/")).json().keys() == {"1"}
    assert await outbox.backlog() == 1


async def test_a_key_is_for_one_request(client: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "a"}
    await client.post("/customers", json=MOLLY, headers=key)
    assert_problem(await client.post("/customers", json={**MOLLY, "city": "Zeist"}, headers=key), 422)
    assert (await client.post("/customers", json=MOLLY, headers={"Idempotency-Key": "A"})).json()["customerId"] == "2"


async def test_many_at_once_with_one_key_make_one_customer(client: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "k" * 128}
    answers = await asyncio.gather(*(client.post("/customers", json=MOLLY, headers=key) for _ in range(8)))
    assert {answer.content for answer in answers} == {
        json.dumps({"customerId": "1", **MOLLY}, separators=(",", ":")).encode()
    }
    assert sum("idempotency-replayed" in answer.headers for answer in answers) == 7


@pytest.mark.parametrize("keys", [[b""], [b"k" * 129], [b"\xe9"], [b"a\tb"], [b"a", b"a"]])
async def test_a_key_that_is_none_is_refused(client: httpx.AsyncClient, keys: list[bytes]) -> None:
    headers = [(b"Idempotency-Key", key) for key in keys]
    assert_problem(await client.post("/customers", json=MOLLY, headers=headers), 400)
    assert (await client.get("/")).json() == {}


@pytest.mark.parametrize(
    ("connection_id", "reason"),
    [
        ("7733\u200b", "must have no invisible character, such as its U+200B"),
        ("7733\u00a0", "must have no blank at its ends"),
        ("8,71687E+17", "a spreadsheet has shortened it"),
    ],
)
async def test_what_only_looks_like_a_connection_id_is_refused_for_that_reason(
    client: httpx.AsyncClient, connection_id: str, reason: str
) -> None:
    await client.post("/customers", json=MOLLY)
    for method, path in (("POST", "/customers"), *((method, "/customers/1") for method in CHANGES)):
        response = await client.request(method, path, json={**MOLLY, "connectionId": connection_id})
        (error,) = assert_problem(response, 422)["errors"]
        assert error["field"] == "connectionId"
        assert reason in error["reason"]


async def test_when_all_ids_are_given_a_new_customer_is_refused(client: httpx.AsyncClient, store: Store) -> None:
    await store.begin_import("digest", LAST_ID)
    problem = assert_problem(await client.post("/customers", json=MOLLY), 507)
    assert str(LAST_ID) in problem["detail"]
    assert (await client.get("/")).json() == {}
