"""For who runs the service: probes and metrics."""

from typing import Annotated, NamedTuple, Protocol, cast

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from iot.api.dependencies import MetricsOfApp
from iot.api.schemas import Readiness, Status
from iot.readmodel.store import Store, StoreAwayError


class Subscription(NamedTuple):
    """What is known of it: whether the sidecar answers at all, and why no events come; None while they can."""

    sidecar: bool
    reason: str | None


class SubscriptionStatus(Protocol):
    """The port to what is known of the subscription."""

    async def look(self) -> Subscription:
        """Asks the sidecar."""


class Ready:
    """Whether queries are to come to this replica.

    Not before it has reached the store: a release that names another one than there is takes no other's place.
    From then on a store that is away is so for every replica. To take all of them out would turn each query
    into a connection that nobody accepts; what they answer themselves, 503 and Retry-After, says more.
    """

    def __init__(self, store: Store, status: SubscriptionStatus) -> None:
        self._store = store
        self._status = status
        self._reached = False

    async def look(self) -> Readiness:
        """What is to be told of it. Raises StoreAwayError while it is not."""
        if not self._reached:
            await self._store.get("ready")
            self._reached = True
        subscription = await self._status.look()
        if not subscription.sidecar:
            raise StoreAwayError(subscription.reason or "")
        return Readiness(status="ready", subscribed=subscription.reason is None, reason=subscription.reason)


async def _ready(request: Request) -> Ready:
    return cast(Ready, request.state.ready)


async def _status(request: Request) -> SubscriptionStatus:
    return cast(SubscriptionStatus, request.state.status)


ReadyOfApp = Annotated[Ready, Depends(_ready)]
StatusOfApp = Annotated[SubscriptionStatus, Depends(_status)]

router = APIRouter(include_in_schema=False)


@router.get("/livez")
async def livez() -> Status:
    """The process answers."""
    return Status(status="alive")


@router.get("/readyz", response_model_exclude_none=True)
async def readyz(ready: ReadyOfApp) -> Readiness:
    """The sidecar answers, and the state store has: queries may come.

    A replica to which no events come still can answer, with what it knows; this then says so, and
    `iot_subscribed` is 0, but it is not taken out of service.
    """
    return await ready.look()


@router.get("/metrics")
async def metrics(metrics: MetricsOfApp, status: StatusOfApp) -> Response:
    """Prometheus's text format."""
    await status.look()
    return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)
