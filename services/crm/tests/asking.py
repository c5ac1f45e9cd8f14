"""What the tests of the API send and expect."""

from typing import Any

import httpx
from starlette.types import ASGIApp, Receive, Scope, Send

from crm.api.state import State

MOLLY = {
    "firstName": "Molly",
    "lastName": "Peterson",
    "city": "Zeewolde",
    "connectionId": "928",
    "connectionMandate": "0",
}
TOKEN = "of-an-operator"  # noqa: S105  no secret
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def assert_problem(response: httpx.Response, status: int) -> dict[str, Any]:
    """The problem in `response`."""
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = response.json()
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    assert "Traceback" not in response.text
    return problem


def with_state(app: ASGIApp, state: State) -> ASGIApp:
    """`app` with what else the server gives each request from the lifespan."""

    async def asked(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, "state": dict(state)}, receive, send)

    return asked
