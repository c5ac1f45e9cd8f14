"""What is measured, and how it is told: in Prometheus's text format."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter, time
from typing import Final, Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from iot.domain.mandate import Arrival

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST

Fate = Literal["applied", "stale", "dead-lettered", "retried"]

_SIZES: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
_SECONDS: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)


class Metrics:
    """The metrics of one process, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        messages = Counter("iot_messages", "Messages delivered, by what became of them", ["fate"], registry=registry)
        self._fates = {fate: messages.labels(fate) for fate in ("applied", "stale", "dead-lettered", "retried")}
        self._batch = Histogram("iot_batch_messages", "Messages in a delivery", buckets=_SIZES, registry=registry)
        store = Histogram("iot_store_seconds", "Calls to the store", ["operation"], buckets=_SECONDS, registry=registry)
        self._store = {operation: store.labels(operation) for operation in ("read", "write")}
        self._refused = Counter(
            "iot_store_refusals", "Writes refused: of what changed, or was known after all", registry=registry
        )
        self._deliveries_refused = Counter(
            "iot_deliveries_refused", "Deliveries that did not come from the sidecar", registry=registry
        )
        self._set_back = Counter(
            "iot_events_set_back",
            "Events that came later than what is known of their connection, and are older by sequence: whoever"
            " published them has a clock that was set back",
            registry=registry,
        )
        self._queries = Counter("iot_queries", "Queries answered, by status", ["status"], registry=registry)
        self._by_status = {status: self._queries.labels(status) for status in (200, 304, 400, 404, 503)}
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
        self._subscribed = Gauge("iot_subscribed", "1 while the sidecar says that it subscribes", registry=registry)

    def delivered(self, messages: int) -> None:
        """So many messages came in one delivery."""
        self._batch.observe(messages)

    def became(self, fate: Fate, messages: int) -> None:
        """So many messages met a fate."""
        if messages:
            self._fates[fate].inc(messages)

    def handled(self, arrival: Arrival) -> None:
        """A message was handled that came there and then; those before it on its partition, too."""
        partition = str(arrival.partition)
        self._offset.labels(partition).set(arrival.offset)
        self._timestamp.labels(partition).set(arrival.timestamp / 1000)
        # Not below 0, should the broker's clock be ahead.
        self._lag.labels(partition).set(max(0.0, time() - arrival.timestamp / 1000))

    @contextmanager
    def store(self, operation: Literal["read", "write"]) -> Iterator[None]:
        """The length of this block is a call to the store."""
        begun = perf_counter()
        try:
            yield
        finally:
            self._store[operation].observe(perf_counter() - begun)

    def refused(self) -> None:
        """The store refused a write."""
        self._refused.inc()

    def delivery_refused(self) -> None:
        """Somebody other than the sidecar wanted to deliver."""
        self._deliveries_refused.inc()

    def set_back(self, events: int) -> None:
        """So many events are older by sequence than what was known before they came."""
        if events:
            self._set_back.inc(events)

    def answered(self, status: int) -> None:
        """A query was answered."""
        self._by_status[status].inc()

    def subscribed(self, so: bool) -> None:
        """Whether the sidecar subscribes."""
        self._subscribed.set(so)

    def text(self) -> bytes:
        """All of it."""
        return generate_latest(self._registry)
