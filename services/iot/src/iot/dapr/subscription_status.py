"""Whether events come: what the sidecar says of the subscription."""

import logging

from iot.api.probes import Subscription
from iot.dapr.sidecar import Sidecar, SidecarError
from iot.observability.metrics import Metrics

log = logging.getLogger(__name__)


class DaprSubscriptionStatus:
    """The port (api/probes.py) over one pubsub component; what changes is logged, and measured.

    A sidecar that starts while the broker is away goes on without the component (`ignoreErrors`), and
    does not name it among those that work. One whose broker goes away later still names it: that
    is seen by the age of the last event alone.
    """

    def __init__(self, pubsub: str, sidecar: Sidecar, metrics: Metrics) -> None:
        self._pubsub = pubsub
        self._sidecar = sidecar
        self._metrics = metrics
        self._told: str | None = None

    async def look(self) -> Subscription:
        """See SubscriptionStatus.look."""
        try:
            reason, answers = await self._reason(), True
        except SidecarError as error:
            reason, answers = f"the sidecar is away: {error}", False
        self._metrics.subscribed.set(reason is None)
        if reason != self._told:
            if reason:
                log.warning("no events come", extra={"reason": reason})
            else:
                log.info("events come again")
        self._told = reason
        return Subscription(answers, reason)

    async def _reason(self) -> str | None:
        about = await self._sidecar.about(self._sidecar.query_timeout)
        if not any(component.name == self._pubsub for component in about.registered_components):
            return f"the sidecar is without its component {self._pubsub}; its log says why"
        if not any(subscription.pubsub_name == self._pubsub for subscription in about.subscriptions):
            return f"the sidecar has no subscription to {self._pubsub}"
        return None
