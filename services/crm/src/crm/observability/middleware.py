"""What is kept of every request: how long it took, and that it failed."""

import logging
from time import perf_counter
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger(__name__)

METHODS: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER: Final = "other"
"""In place of a method or a path that is none of the API's own: what anyone may invent must not
become a metric each time."""


class Observed:
    """ASGI middleware: counts each request in the metrics of its state."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A HEAD is counted as the GET that it is for the routes."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = perf_counter()
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
            scope["state"]["metrics"].count(method, route, status, perf_counter() - began)
            if status >= 400:
                _tell(method, route, status)


def _tell(method: str, route: str, status: int) -> None:
    """The template of the path, not the path: what is in it may be about a person."""
    level = logging.WARNING if status >= 500 else logging.INFO
    log.log(level, "request failed", extra={"method": method, "route": route, "status": status})
