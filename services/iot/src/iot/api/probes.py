"""For who runs the service: probes and metrics."""

from typing import Annotated, Protocol, cast

from fastapi import APIRouter, Depends, Request
from fastapi.responses import PlainTextResponse, Response
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from iot.api.dependencies import MetricsOfApp, StoreOfApp
from iot.api.schemas import Readiness


class SubscriptionStatus(Protocol):
    """The port to what is known of the subscription."""

    async def look(self) -> str | None:
        """Why no events come, as far as can be known; None while they can."""


async def _status(request: Request) -> SubscriptionStatus:
    return cast(SubscriptionStatus, request.state.status)


StatusOfApp = Annotated[SubscriptionStatus, Depends(_status)]

router = APIRouter(include_in_schema=False)


@router.get("/livez")
async def livez() -> PlainTextResponse:
    """The process answers."""
    return PlainTextResponse("ok\n")


@router.get("/readyz", response_model_exclude_none=True)
async def readyz(store: StoreOfApp, status: StatusOfApp) -> Readiness:
    """The sidecar and the state store answer: queries can be answered.

    A replica to which no events come still can, with what it knows; this then says so, and
    `iot_subscribed` is 0, but it is not taken out of service.
    """
    await store.get("ready")
    reason = await status.look()
    return Readiness(subscribed=reason is None, reason=reason)


@router.get("/metrics")
async def metrics(metrics: MetricsOfApp, status: StatusOfApp) -> Response:
    """Prometheus's text format."""
    await status.look()
    return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)
