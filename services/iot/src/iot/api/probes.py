"""For who runs the service: probes and metrics."""

import orjson
from fastapi import FastAPI, Request
from fastapi.responses import Response

from iot.api.mandates import METHODS
from iot.api.problems import RETRY_AFTER, problem
from iot.dapr.subscription_status import Watch
from iot.observability.metrics import CONTENT_TYPE, Metrics
from iot.readmodel.store import Store, StoreAwayError


def add_probes(app: FastAPI, store: Store, watch: Watch, metrics: Metrics) -> None:
    """Adds `GET /livez`: the process answers. `GET /readyz`: so do the sidecar and the state store.

    Ready means: can answer queries. A replica to which no events come still can, with what it knows;
    `/readyz` then says so, and `iot_subscribed` is 0, but it is not taken out of service.
    """

    @app.api_route("/livez", methods=METHODS, include_in_schema=False)
    async def livez(_: Request) -> Response:
        return Response("ok\n", media_type="text/plain")

    @app.api_route("/readyz", methods=METHODS, include_in_schema=False)
    async def readyz(_: Request) -> Response:
        try:
            await store.check()
        except StoreAwayError as away:
            return problem(503, f"the state store is away: {away}", RETRY_AFTER)
        reason = await watch.look()
        told = {"ready": True, "subscribed": reason is None} | ({"reason": reason} if reason else {})
        return Response(orjson.dumps(told), media_type="application/json")

    @app.api_route("/metrics", methods=METHODS, include_in_schema=False)
    async def metrics_(_: Request) -> Response:
        await watch.look()
        return Response(metrics.text(), media_type=CONTENT_TYPE)
