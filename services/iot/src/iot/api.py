"""The queries, and the probes."""

import json
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from iot.connection import key_of
from iot.document import UnreadableError
from iot.problem import problem
from iot.store import Store, StoreAwayError

RETRY_AFTER: Final = {"Retry-After": "1"}
"""Seconds after which a sidecar that restarts, or a store that fails over, may be back."""

_METHODS: Final = ["GET", "HEAD"]
_DOCUMENTED: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The mandate of the connection",
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["connectionId", "connectionMandate"],
                    "additionalProperties": False,
                    "properties": {
                        "connectionId": {"type": "string"},
                        "connectionMandate": {"enum": ["0", "1", "2"]},
                    },
                },
            }
        },
    },
    **{
        status: {"description": description, "content": {"application/problem+json": {}}}
        for status, description in (
            (400, "The connection id is missing, given twice, empty, too long or not Unicode"),
            (404, "No mandate of this connection is known"),
            (503, "The state store is away; Retry-After says when to ask again"),
        )
    },
}
_PARAMETER: Final = {
    "parameters": [
        {
            "name": "connectionId",
            "in": "query",
            "required": True,
            "schema": {"type": "string", "minLength": 1},
        }
    ]
}


def queries(store: Store) -> APIRouter:
    """`GET /?connectionId=7733` and `GET /connections/7733/mandate`; HEAD of both.

    The handlers take the request as it is: FastAPI's own reading of parameters would cost a sixth
    of the answers per second, and say 422 where this API says 400. Each is registered twice: as it
    is served, and with GET alone for the description.
    """
    router = APIRouter()

    @router.get("/", responses=_DOCUMENTED, openapi_extra=_PARAMETER)
    @router.api_route("/", methods=_METHODS, include_in_schema=False)
    async def by_parameter(request: Request) -> Response:
        ids = request.query_params.getlist("connectionId")
        if len(ids) != 1:
            return problem(400, "the parameter connectionId is needed, once: /?connectionId=7733")
        return await answer(ids[0], store)

    path = "/connections/{connection_id:path}/mandate"

    @router.get(path, responses=_DOCUMENTED)
    @router.api_route(path, methods=_METHODS, include_in_schema=False)
    async def by_path(connection_id: str) -> Response:
        return await answer(connection_id, store)

    return router


async def answer(connection_id: str, store: Store) -> Response:
    """200 with the mandate of a connection; 404, 400 or 503 as a problem."""
    try:
        key_of(connection_id)
    except UnreadableError as error:
        return problem(400, str(error))
    try:
        mandate = await store.get(connection_id)
    except StoreAwayError as away:
        return problem(503, f"the state store is away: {away}", RETRY_AFTER)
    if mandate is None:
        return problem(404, f"no mandate of connection {connection_id} is known")
    body = {"connectionId": mandate.connection_id, "connectionMandate": mandate.level}
    return Response(json.dumps(body, separators=(",", ":")), media_type="application/json")


def probes(store: Store) -> APIRouter:
    """`GET /livez`: the process answers. `GET /readyz`: so do the sidecar and the state store."""
    router = APIRouter(include_in_schema=False)

    @router.get("/livez")
    async def livez() -> Response:
        return Response("ok\n", media_type="text/plain")

    @router.get("/readyz")
    async def readyz() -> Response:
        try:
            await store.check()
        except StoreAwayError as away:
            return problem(503, f"the state store is away: {away}", RETRY_AFTER)
        return Response("ok\n", media_type="text/plain")

    return router
