"""The W3C trace context of the request at hand."""

import re
from contextvars import ContextVar
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

traceparent: ContextVar[str | None] = ContextVar("traceparent", default=None)
"""The traceparent header of the request at hand, None if there is none that is valid."""

_VALID: Final = re.compile(
    # Version ff is none, and version 00 ends with the flags; a later one may go on.
    r"(?!ff)(?!00.{54})[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?",
    re.ASCII,
)


def valid(header: object) -> str | None:
    """The header if it names a trace (W3C Trace Context, 3.2), else None: it is ignored."""
    return header if isinstance(header, str) and _VALID.fullmatch(header) else None


class Traced:
    """ASGI middleware: keeps each request's traceparent for the log and for what the request causes."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Also set where there is none: a request on a kept connection may begin in the context of the one before."""
        if scope["type"] == "http":
            header = next((value for name, value in scope["headers"] if name == b"traceparent"), None)
            traceparent.set(valid(header.decode("latin-1")) if header else None)
        await self._app(scope, receive, send)
