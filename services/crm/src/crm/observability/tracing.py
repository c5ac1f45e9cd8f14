"""The W3C trace context of the request at hand."""

import re
from contextvars import ContextVar

traceparent: ContextVar[str | None] = ContextVar("traceparent", default=None)
"""The traceparent header of the request at hand, None if there is none that is valid."""

_VALID = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}", re.ASCII)


def valid(header: str) -> str | None:
    """The header if it names a trace (W3C Trace Context, 3.2), else None: it is ignored."""
    return header if _VALID.fullmatch(header) else None
