"""What is measured, for Prometheus."""

from time import time
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

from iot.domain.mandate import Arrival

_SIZES: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
_SECONDS: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)

# A second series for each counter, of when it began, tells what the start of the process does.
disable_created_metrics()  # type: ignore[no-untyped-call]


class Metrics:
    """The metrics of one process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.messages = Counter(
            "iot_messages", "Messages delivered, by what became of them", ["fate"], registry=registry
        )
        self.batch = Histogram("iot_batch_messages", "Messages in a delivery", buckets=_SIZES, registry=registry)
        self.store_seconds = Histogram(
            "iot_store_seconds", "Calls to the store", ["operation"], buckets=_SECONDS, registry=registry
        )
        self.store_refusals = Counter(
            "iot_store_refusals", "Writes refused: of what changed, or was known after all", registry=registry
        )
        self.deliveries_refused = Counter(
            "iot_deliveries_refused", "Deliveries that did not come from the sidecar", registry=registry
        )
        self.events_set_back = Counter(
            "iot_events_set_back",
            "Events that came later than what is known of their connection, and are older by sequence: whoever"
            " published them has a clock that was set back",
            registry=registry,
        )
        self._queries = Counter("iot_queries", "Queries answered, by status", ["status"], registry=registry)
        # To find a child by its label takes longer than to count.
        self._answers = {status: self._queries.labels(status) for status in (200, 304, 400, 404, 503)}
        self.subscribed = Gauge("iot_subscribed", "1 while the sidecar says that it subscribes", registry=registry)
        self._offset = Gauge(
            "iot_handled_offset", "Offset of the last message handled here", ["partition"], registry=registry
        )
        self._timestamp = Gauge(
            "iot_handled_timestamp_seconds",
            "When the last message handled here came to the topic: time() minus this is how far behind the"
            " partition is, while events come",
            ["partition"],
            registry=registry,
        )
        self._lag = Gauge(
            "iot_handled_lag_seconds",
            "How long the last message handled here had been on the topic by then",
            ["partition"],
            registry=registry,
        )
        # Those that are known beforehand are there from the start, at 0.
        for fate in ("applied", "stale", "dead-lettered", "retried"):
            self.messages.labels(fate)
        for operation in ("read", "write"):
            self.store_seconds.labels(operation)

    def answered(self, status: int) -> None:
        """A query was answered with this status."""
        if status not in self._answers:
            self._answers[status] = self._queries.labels(status)
        self._answers[status].inc()

    def handled(self, arrival: Arrival) -> None:
        """A message was handled that came there and then; those before it on its partition, too."""
        partition = str(arrival.partition)
        self._offset.labels(partition).set(arrival.offset)
        self._timestamp.labels(partition).set(arrival.timestamp / 1000)
        # Not below 0, should the broker's clock be ahead.
        self._lag.labels(partition).set(max(0.0, time() - arrival.timestamp / 1000))
