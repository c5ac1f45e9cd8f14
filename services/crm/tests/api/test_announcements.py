"""An operator lets CRM tell levels again; nobody else can."""

from typing import Any

import httpx
import pytest
from asking import MOLLY, TOKEN, assert_problem

from crm.store.outbox import Outbox

pytestmark = pytest.mark.anyio

OPERATOR = {"dapr-api-token": TOKEN}
ASKED: dict[str, Any] = {"above": "9000000000000000", "connections": ["928", "7733", "928"]}


async def test_levels_are_told_again(client: httpx.AsyncClient, outbox: Outbox) -> None:
    await client.post("/customers", json={**MOLLY, "connectionMandate": "2"})
    response = await client.post("/announcements", json=ASKED, headers=OPERATOR)
    assert response.status_code == 200
    assert response.json() == {"announced": 2, "lastSequence": "9000000000000002", "waiting": 3}
    told = [(each.connection_id, each.mandate, each.sequence) for each in await outbox.pending(0, 9)][1:]
    assert told == [("928", "2", 9000000000000001), ("7733", "0", 9000000000000002)]


@pytest.mark.parametrize("tokens", [[], [""], ["ö"], [TOKEN + "x"], [TOKEN, TOKEN]])
async def test_without_the_token_nothing_is_told(client: httpx.AsyncClient, outbox: Outbox, tokens: list[str]) -> None:
    headers = [(b"dapr-api-token", each.encode()) for each in tokens]
    assert_problem(await client.post("/announcements", json=ASKED, headers=headers), 403)
    assert await outbox.backlog() == 0


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({**ASKED, "above": 5}, "above must be a sequence"),
        ({**ASKED, "above": "9" * 19}, "above must be a sequence"),
        ({**ASKED, "above": "-1"}, "above must be a sequence"),
        ({"above": "1"}, "connections must be a list of 1 to 1000"),
        ({**ASKED, "connections": []}, "connections must be a list of 1 to 1000"),
        ({**ASKED, "connections": ["a"] * 1001}, "connections must be a list of 1 to 1000"),
        ({**ASKED, "connections": ["a", 5]}, "'5': must be text"),
        ({**ASKED, "connections": ["a", " b"]}, "' b': must have no"),
    ],
)
async def test_what_cannot_be_told_is_refused(
    client: httpx.AsyncClient, outbox: Outbox, body: dict[str, Any], said: str
) -> None:
    problem = assert_problem(await client.post("/announcements", json=body, headers=OPERATOR), 422)
    assert said in " ".join(f"{each['field']} {each['reason']}" for each in problem["errors"])
    assert await outbox.backlog() == 0
