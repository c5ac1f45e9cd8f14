"""What is kept of every request: its trace, how long it took, and that it failed."""

import logging
from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from crm.observability.metrics import Metrics
from crm.observability.tracing import traceparent, valid

log = logging.getLogger(__name__)

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER = "other"
"""In place of a method or a path that is none of the API's own: what anyone may invent must not
become a metric each time."""


class Observed:
    """ASGI middleware around `app`."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Every request has a context of its own, so nothing needs to be set back."""
        began = perf_counter()
        header = dict(scope["headers"]).get(b"traceparent")
        traceparent.set(valid(header.decode("latin-1")) if header else None)
        status = 500  # what comes of an exception

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            method = scope["method"] if scope["method"] in METHODS else OTHER
            route = getattr(scope.get("route"), "path", OTHER)
            self._metrics.count(method, route, status, perf_counter() - began)
            if status >= 400:
                _tell(method, route, status)


def _tell(method: str, route: str, status: int) -> None:
    """The template of the path, not the path: what is in it may be about a person."""
    level = logging.WARNING if status >= 500 else logging.INFO
    log.log(level, "request failed", extra={"fields": {"method": method, "route": route, "status": status}})
