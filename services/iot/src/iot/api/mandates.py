"""The queries.

The routes of one connection take the request and return a Response as they are, and find what they need in
the lifespan state: typed parameters and Depends would cost a tenth of the answers per second. The route of
many is as FastAPI's tutorial has it.
"""

from typing import Annotated, Final

import orjson
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from iot.api.dependencies import StoreOfApp
from iot.api.etag import entity_tag, known
from iot.api.problems import Problem
from iot.api.schemas import OF_MANY, OF_ONE, ConnectionId, ConnectionMandate, parameters
from iot.domain.connection import check_id
from iot.domain.document import UnreadableError
from iot.observability.middleware import QUERIES
from iot.readmodel.store import Store

MANY: Final = 200
"""Connections that are told in one answer."""

MAX_TOLD: Final = 50
"""Characters of an id that is none, in the answer that says so."""

NO_CACHE: Final = {"Cache-Control": "no-cache"}
"""May be kept, and is asked for again before each use: a mandate can be taken back at any time."""

router = APIRouter(tags=[QUERIES])


@router.get(
    "/",
    summary="The mandate of a connection",
    response_model=ConnectionMandate,
    responses=OF_ONE,
    openapi_extra=parameters("connectionId", "query"),
)
async def by_parameter(request: Request) -> Response:
    """How far its smart meter may be read, by the id as a parameter."""
    ids = request.query_params.getlist("connectionId")
    if len(ids) != 1:
        raise Problem(400, "the parameter connectionId is needed, once: /?connectionId=7733")
    return await _answer(ids[0], request)


@router.get(
    "/connections/{connection_id:path}/mandate",
    summary="The mandate of a connection",
    response_model=ConnectionMandate,
    responses=OF_ONE,
    openapi_extra=parameters("connection_id", "path"),
)
async def by_path(request: Request) -> Response:
    """How far its smart meter may be read, by the id in the path."""
    return await _answer(request.path_params["connection_id"], request)


async def _answer(connection_id: str, request: Request) -> Response:
    """200 with the mandate of a connection, or 304.

    Raises UnreadableError for what is no id, StoreAwayError, and Problem when it is not known.
    """
    check_id(connection_id)
    store: Store = request.state.store
    mandate = await store.get(connection_id)
    if mandate is None:
        raise Problem(404, f"no mandate of connection {connection_id} is known")
    content = orjson.dumps({"connectionId": mandate.connection_id, "connectionMandate": mandate.level})
    tag = entity_tag(content)
    headers = {"ETag": tag, **NO_CACHE}
    if_none_match = request.headers.get("If-None-Match")
    if if_none_match and known(tag, if_none_match):
        return Response(status_code=304, headers=headers)
    return Response(content, headers=headers, media_type="application/json")


@router.get("/connections", summary="The mandates of many", responses=OF_MANY)
async def many(
    store: StoreOfApp,
    response: Response,
    connection_ids: Annotated[list[ConnectionId], Query(alias="connectionId", min_length=1, max_length=MANY)],
) -> list[ConnectionMandate]:
    """Those that are known of these, in their order, each once."""
    wanted = list(dict.fromkeys(connection_ids))
    for connection_id in wanted:
        try:
            check_id(connection_id)
        except UnreadableError as error:
            raise Problem(400, f"{error}: {connection_id[:MAX_TOLD]!r}") from None
    found = await store.get_many(wanted)
    response.headers.update(NO_CACHE)
    told = (mandate for id_ in wanted if (mandate := found[id_].mandate))
    return [ConnectionMandate(connectionId=each.connection_id, connectionMandate=each.level) for each in told]
