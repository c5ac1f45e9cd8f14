"""Wires the parts together and runs them."""

import os
import signal
import sys
from typing import Final, NoReturn

import uvicorn
import uvloop
from fastapi import FastAPI

from iot import api, log
from iot.problem import answer_with_problems
from iot.settings import Settings, from_environment
from iot.state import DaprState
from iot.store import Store
from iot.subscription import subscription
from iot.trace import Traced

GRACE: Final = 20
"""Seconds for requests in hand after SIGTERM: less than the 30 that Kubernetes gives a pod."""


def create_app(store: Store) -> FastAPI:
    """The HTTP application over a store."""
    app = FastAPI(title="IoT Platform", docs_url=None, redoc_url=None)
    app.add_middleware(Traced)
    answer_with_problems(app)
    for router in (api.queries(store), api.probes(store), subscription(store)):
        app.include_router(router)
    return app


async def serve(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT; what is in hand then is finished.

    Nothing here waits for the sidecar: it waits for this port.
    """
    store = DaprState(settings.statestore, settings.dapr_grpc_port, settings.state_timeout)
    try:
        await uvicorn.Server(
            uvicorn.Config(
                create_app(store),
                host="0.0.0.0",  # noqa: S104  a container's port is reached from outside
                port=settings.port,
                access_log=False,
                log_config=None,
                server_header=False,
                timeout_graceful_shutdown=GRACE,
            )
        ).serve()
    finally:
        await store.close()


def _leave(*_: object) -> NoReturn:
    sys.exit(0)


def main() -> None:
    """`python -m iot`. Exits 0 when told to stop, 2 when a setting is wrong."""
    # uvicorn puts its own handlers over these while it serves, and then raises the signal again.
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGINT, _leave)
    try:
        settings = from_environment(os.environ)
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)
    log.configure(settings.log_level)
    uvloop.run(serve(settings))
