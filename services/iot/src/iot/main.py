"""Wires the parts together and runs them."""

import gc
import logging
import os
import signal
import sys
from math import ceil
from socket import socket
from typing import Final, NoReturn

import uvicorn
import uvloop
from fastapi import FastAPI

from iot.api.direct import Direct
from iot.api.mandates import Queries
from iot.api.probes import add_probes
from iot.api.problems import answer_with_problems
from iot.consumer.dead_letters import DeadLetters
from iot.consumer.handler import Intake
from iot.consumer.subscription import add_subscription
from iot.consumer.token import Token
from iot.dapr.dead_letter_topic import DaprDeadLetters
from iot.dapr.sidecar import Sidecar
from iot.dapr.state_store import DaprState
from iot.dapr.subscription_status import DaprWatch, Watch
from iot.observability import json_log as logs
from iot.observability.metrics import Metrics
from iot.observability.tracing import Traced
from iot.readmodel.measured import MeasuredStore
from iot.readmodel.store import Store
from iot.settings import Settings, from_environment
from iot.socket import listening

log = logging.getLogger(__name__)

GRACE: Final = 20
"""Seconds for requests in hand after SIGTERM: less than the 30 that Kubernetes gives a pod."""


def create_app(store: Store, dead_letters: DeadLetters, watch: Watch, metrics: Metrics, settings: Settings) -> FastAPI:
    """The HTTP application over its ports."""
    app = FastAPI(
        title="IoT Platform",
        version="1.0.0",
        summary="What mandate a connection has: how far its smart meter may be read.",
        docs_url=None,
        redoc_url=None,
        # Nothing here collects it; to look for who might, at each request, takes longer than to count it.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.router.route_class = Direct
    app.add_middleware(Traced)
    answer_with_problems(app)
    intake = Intake(MeasuredStore(store, metrics), dead_letters, metrics, settings.max_sequence_ahead)
    Queries(store, metrics).add_to(app)
    add_subscription(app, intake, Token(settings.app_api_token, metrics))
    add_probes(app, store, watch, metrics)
    return app


async def serve(settings: Settings, listener: socket) -> None:
    """Serves until SIGTERM or SIGINT; what is in hand then is finished.

    Nothing here waits for the sidecar: it waits for this port.
    """
    if not settings.app_api_token:
        log.warning("APP_API_TOKEN is not set: queries are answered, and no delivery is taken")
    metrics = Metrics()
    sidecar = Sidecar(settings.dapr_grpc_port, settings.state_timeout, settings.delivery_timeout)
    app = create_app(
        DaprState(settings.statestore, sidecar),
        DaprDeadLetters(settings.pubsub, settings.dead_letter_topic, sidecar),
        DaprWatch(settings.pubsub, sidecar, metrics),
        metrics,
        settings,
    )
    # What is there by now stays: a full collection that walks it all stops every query for 30 ms.
    gc.freeze()
    try:
        await uvicorn.Server(
            uvicorn.Config(
                app,
                access_log=False,
                log_config=None,
                server_header=False,
                proxy_headers=False,
                ws="none",
                lifespan="off",
                timeout_keep_alive=ceil(settings.keep_alive),
                timeout_graceful_shutdown=GRACE,
            )
        ).serve(sockets=[listener])
    finally:
        await sidecar.close()


def _leave(*_: object) -> NoReturn:
    sys.exit(0)


def main() -> None:
    """`python -m iot`. Exits 0 when told to stop, 1 when the port is taken, 2 when a setting is wrong."""
    # uvicorn puts its own handlers over these while it serves, and then raises the signal again.
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGINT, _leave)
    try:
        settings = from_environment(os.environ)
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)
    try:
        listener = listening(settings.port)
    except OSError as error:
        sys.stderr.write(f"port {settings.port} cannot be listened on ({error.strerror}); IOT_PORT names another\n")
        sys.exit(1)
    logs.configure(settings.log_level)
    log.info("listening", extra={"port": settings.port})
    uvloop.run(serve(settings, listener))
