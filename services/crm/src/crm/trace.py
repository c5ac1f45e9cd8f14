"""The W3C trace context of the request at hand."""

import re
from contextvars import ContextVar

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

traceparent: ContextVar[str | None] = ContextVar("traceparent", default=None)
"""The traceparent header of the request at hand, None if there is none of a known form."""

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", re.ASCII)


class Traced:
    """ASGI middleware that keeps `traceparent` while `app` handles a request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Every request has a context of its own, so nothing needs to be set back."""
        header = Headers(scope=scope).get("traceparent", "")
        traceparent.set(header if _TRACEPARENT.fullmatch(header) else None)
        await self._app(scope, receive, send)
