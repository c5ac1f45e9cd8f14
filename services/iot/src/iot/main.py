"""Wires the parts together: `uvicorn iot.main:app`."""

import gc
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from iot import __version__
from iot.api import mandates, probes
from iot.api.head import Head
from iot.api.probes import Ready, SubscriptionStatus
from iot.api.problems import answer_with_problems
from iot.api.refusals import answer_refusals
from iot.consumer import subscription
from iot.consumer.dead_letters import DeadLetters
from iot.consumer.handler import Handler
from iot.consumer.token import Token
from iot.dapr.dead_letter_topic import DaprDeadLetters
from iot.dapr.sidecar import Sidecar
from iot.dapr.state_store import DaprStore
from iot.dapr.subscription_status import DaprSubscriptionStatus
from iot.observability.metrics import Metrics
from iot.observability.middleware import Observed
from iot.observability.tracing import Traced
from iot.readmodel.store import Store
from iot.settings import Settings

log = logging.getLogger(__name__)


def state_over(
    store: Store, dead_letters: DeadLetters, status: SubscriptionStatus, metrics: Metrics, settings: Settings
) -> dict[str, object]:
    """The service over its ports: what each request finds in `request.state`."""
    return {
        "store": store,
        "status": status,
        "ready": Ready(store, status),
        "metrics": metrics,
        "handler": Handler(store, dead_letters, metrics, settings.max_sequence_ahead),
        "token": Token(settings.app_api_token.get_secret_value(), metrics),
    }


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, object]]:
    """The service over its sidecar. Nothing here waits for that: it waits for this port."""
    if not settings.app_api_token.get_secret_value():
        log.warning("APP_API_TOKEN is not set: queries are answered, and no delivery is taken")
    log.info("starting", extra={"port": settings.port})
    metrics = Metrics()
    sidecar = Sidecar(settings.dapr_grpc_port, settings.state_timeout, settings.delivery_timeout)
    # What is there by now stays: a full collection that walks it all stops every query for 30 ms. What comes
    # later lives for one request, or one delivery of a thousand messages: to look through it twenty times in
    # between finds nothing.
    gc.freeze()
    gc.set_threshold(10_000)
    yield state_over(
        DaprStore(settings.statestore, sidecar),
        DaprDeadLetters(settings.pubsub, settings.dead_letter_topic, sidecar),
        DaprSubscriptionStatus(settings.pubsub, sidecar, metrics),
        metrics,
        settings,
    )
    await sidecar.close()
    log.info("stopped")


def create_app(*, docs: bool = True) -> FastAPI:
    """The HTTP application; `docs` says whether /docs is there."""
    app = FastAPI(
        # Routes of its own: those of an included router FastAPI 0.165 looks for twice, which takes 20 us.
        routes=[*mandates.router.routes, *subscription.router.routes],
        title="IoT Platform",
        version=__version__,
        summary="What mandate a connection has: how far its smart meter may be read.",
        docs_url="/docs" if docs else None,
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
        redirect_slashes=False,
        # Nothing here collects it; to look for who might, at each request, takes longer than to count it.
        telemetry={"tracing": False, "metrics": False, "logs": False},
        lifespan=lifespan,
    )
    app.include_router(probes.router)
    app.add_middleware(Observed)
    app.add_middleware(Traced)
    app.add_middleware(Head)
    answer_with_problems(app)
    answer_refusals(app)
    return app


settings = Settings.read()
app = create_app(docs=settings.docs)
