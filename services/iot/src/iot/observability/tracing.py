"""The W3C trace that a piece of work belongs to."""

import re
from contextvars import ContextVar
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

_TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?")

traceparent: ContextVar[str | None] = ContextVar("traceparent", default=None)
"""The traceparent of the request in hand, as it came: not yet known to be one."""


def trace_id(header: object) -> str | None:
    """The trace id in a traceparent (W3C Trace Context, section 3.2); None when it is not one."""
    match = _TRACEPARENT.fullmatch(header) if isinstance(header, str) else None
    return match[1] if match else None


class Traced:
    """ASGI middleware: keeps each request's traceparent for the log and for calls it makes."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] == "http":
            # Also set where there is none: one of two requests on a connection may begin in the other's context.
            traceparent.set(None)
            for name, value in scope["headers"]:
                if name == b"traceparent":
                    traceparent.set(value.decode("latin-1"))
        await self.app(scope, receive, send)
