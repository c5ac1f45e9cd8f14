"""The queries."""

from typing import Final

import orjson
from fastapi import FastAPI, Request
from fastapi.responses import Response

from iot.api.etag import entity_tag, known
from iot.api.problems import RETRY_AFTER, problem
from iot.api.schemas import BY_PARAMETER, BY_PARAMETERS, BY_PATH, RESPONSES, RESPONSES_OF_MANY
from iot.domain.connection import check_id
from iot.domain.document import UnreadableError
from iot.observability.metrics import Metrics
from iot.readmodel.store import Store, StoreAwayError

METHODS: Final = ["GET", "HEAD"]

MANY: Final = 200
"""Connections that are told in one answer."""

MAX_TOLD: Final = 50
"""Characters of an id that is none, in the answer that says so."""


class Queries:
    """What is asked of a connection, over a store."""

    def __init__(self, store: Store, metrics: Metrics) -> None:
        self._store = store
        self._metrics = metrics

    def add_to(self, app: FastAPI) -> None:
        """Adds `GET /?connectionId=7733`, `GET /connections/7733/mandate` and
        `GET /connections?connectionId=7733&connectionId=4512`; HEAD of all.

        Each is registered twice: as it is served, and with GET alone for the description.
        """

        @app.get("/", summary="The mandate of a connection", responses=RESPONSES, openapi_extra=BY_PARAMETER)
        @app.api_route("/", methods=METHODS, include_in_schema=False)
        async def by_parameter(request: Request) -> Response:
            ids = request.query_params.getlist("connectionId")
            if len(ids) != 1:
                return self._refuse(400, "the parameter connectionId is needed, once: /?connectionId=7733")
            return await self._answer(ids[0], request)

        @app.get(
            "/connections", summary="The mandates of many", responses=RESPONSES_OF_MANY, openapi_extra=BY_PARAMETERS
        )
        @app.api_route("/connections", methods=METHODS, include_in_schema=False)
        async def many(request: Request) -> Response:
            return await self._answer_many(request.query_params.getlist("connectionId"))

        path = "/connections/{connection_id:path}/mandate"

        @app.get(path, summary="The mandate of a connection", responses=RESPONSES, openapi_extra=BY_PATH)
        @app.api_route(path, methods=METHODS, include_in_schema=False)
        async def by_path(request: Request) -> Response:
            return await self._answer(request.path_params["connection_id"], request)

    async def _answer(self, connection_id: str, request: Request) -> Response:
        """200 with the mandate of a connection, 304; 404, 400 or 503 as a problem."""
        try:
            check_id(connection_id)
        except UnreadableError as error:
            return self._refuse(400, str(error))
        try:
            mandate = await self._store.get(connection_id)
        except StoreAwayError as away:
            return self._refuse(503, f"the state store is away: {away}", RETRY_AFTER)
        if mandate is None:
            return self._refuse(404, f"no mandate of connection {connection_id} is known")
        content = orjson.dumps({"connectionId": mandate.connection_id, "connectionMandate": mandate.level})
        tag = entity_tag(content)
        # May be kept, and is asked for again before each use: a mandate can be taken back at any time.
        headers = {"ETag": tag, "Cache-Control": "no-cache"}
        if_none_match = request.headers.get("If-None-Match")
        if if_none_match and known(tag, if_none_match):
            self._metrics.answered(304)
            return Response(status_code=304, headers=headers)
        self._metrics.answered(200)
        return Response(content, headers=headers, media_type="application/json")

    async def _answer_many(self, connection_ids: list[str]) -> Response:
        """200 with the mandates that are known of these, in their order; 400 or 503 as a problem."""
        if not 1 <= len(connection_ids) <= MANY:
            return self._refuse(400, f"the parameter connectionId is needed, 1 to {MANY} times")
        wanted = list(dict.fromkeys(connection_ids))
        for connection_id in wanted:
            try:
                check_id(connection_id)
            except UnreadableError as error:
                return self._refuse(400, f"{error}: {connection_id[:MAX_TOLD]!r}")
        try:
            found = await self._store.read_many(wanted)
        except StoreAwayError as away:
            return self._refuse(503, f"the state store is away: {away}", RETRY_AFTER)
        told = (mandate for id_ in wanted if (mandate := found[id_].mandate))
        content = [{"connectionId": each.connection_id, "connectionMandate": each.level} for each in told]
        self._metrics.answered(200)
        return Response(orjson.dumps(content), headers={"Cache-Control": "no-cache"}, media_type="application/json")

    def _refuse(self, status: int, detail: str, headers: dict[str, str] | None = None) -> Response:
        self._metrics.answered(status)
        return problem(status, detail, headers)
