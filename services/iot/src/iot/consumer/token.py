"""The token with which the sidecar proves that it is this service's own.

Whoever reaches the service's port could deliver otherwise. What comes by Dapr's service invocation reaches
the service through its own sidecar, with the token: the Dapr Configuration denies that.
"""

import hmac
import logging
from time import monotonic
from typing import Final

from fastapi import Request

from iot.observability.metrics import Metrics

HEADER: Final = b"dapr-api-token"
SAID_EVERY: Final = 60.0
"""Seconds between two lines of the log: who is refused must not be able to fill it."""

log = logging.getLogger(__name__)


class Token:
    """Of the sidecar. Without one nobody is taken for it."""

    def __init__(self, token: str, metrics: Metrics) -> None:
        """`token` may be empty: see above."""
        self._token = token.encode()
        self._metrics = metrics
        self._since_said = 0
        self._said: float | None = None

    def proves(self, request: Request) -> bool:
        """Whether a request bears it. One that does not is counted, and told in the log."""
        given = [value for name, value in request.headers.raw if name == HEADER]
        # compare_digest takes as long for a wrong token as for one that is nearly right.
        if self._token and len(given) == 1 and hmac.compare_digest(given[0], self._token):
            return True
        self._metrics.deliveries_refused.inc()
        self._since_said += 1
        if self._said is None or monotonic() - self._said > SAID_EVERY:
            caller = request.client.host if request.client else None
            log.warning("deliveries refused: not from the sidecar", extra={"count": self._since_said, "last": caller})
            self._said, self._since_said = monotonic(), 0
        return False
