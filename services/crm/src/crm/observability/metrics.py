"""What is measured, for Prometheus."""

from collections.abc import Iterator
from datetime import UTC, datetime
from math import nan
from typing import Final, Protocol

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from crm.domain.customers import StoreError
from crm.domain.progress import Progress

_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)

# A second series for each counter, of when it began, tells what the start of the process does.
disable_created_metrics()  # type: ignore[no-untyped-call]


class Backlog(Protocol):
    """The outbox. Both may raise StoreError."""

    async def backlog(self) -> int:
        """How many events wait."""

    async def oldest(self) -> datetime | None:
        """When the oldest event that waits was made, None when none waits."""


class Relaying(Protocol):
    """The relay."""

    published: int
    failed: int

    @property
    def active(self) -> bool:
        """Whether this process is the one that publishes."""


class Metrics(Collector):
    """The metrics of one process, in a registry of their own."""

    def __init__(self, outbox: Backlog, relay: Relaying, progress: Progress) -> None:
        self._outbox = outbox
        self._relay = relay
        self._progress = progress
        self._waiting = self._age = nan
        self._registry = registry = CollectorRegistry()
        labels = ("method", "route", "status")
        self._requests = Counter("crm_requests", "Requests answered.", labels, registry=registry)
        text = "Time from the head of a request to the end of its answer."
        self._seconds = Histogram("crm_request_seconds", text, labels[:2], buckets=_SECONDS, registry=registry)
        # To find the children by their labels takes longer than to count.
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        registry.register(self)

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request. The labels must be of a small, closed set of values."""
        key = (method, route, status)
        if key not in self._children:
            self._children[key] = self._requests.labels(*key), self._seconds.labels(method, route)
        requests, times = self._children[key]
        requests.inc()
        times.observe(seconds)

    async def text(self) -> bytes:
        """The metrics as of now; those of the outbox are NaN while the store is away."""
        self._waiting = self._age = nan
        try:
            waiting, oldest = await self._outbox.backlog(), await self._outbox.oldest()
            self._waiting = waiting
            self._age = max(0.0, (datetime.now(UTC) - oldest).total_seconds()) if oldest else 0.0
        except StoreError:
            pass
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """What is kept elsewhere, when Prometheus's client asks."""
        relay, progress = self._relay, self._progress
        yield GaugeMetricFamily("crm_outbox_events", "Events that wait to be published.", self._waiting)
        yield GaugeMetricFamily("crm_outbox_oldest_seconds", "Age of the oldest event that waits.", self._age)
        yield CounterMetricFamily("crm_events_published", "Events that the broker has taken.", relay.published)
        yield CounterMetricFamily("crm_events_failed", "Times an event was sent and not taken.", relay.failed)
        yield GaugeMetricFamily("crm_relay_active", "Whether this process is the one that publishes.", relay.active)
        yield GaugeMetricFamily("crm_import_rows", "Rows of the file with customers to begin with.", progress.total)
        yield GaugeMetricFamily("crm_imported_rows", "Rows of it that are stored.", progress.rows)
        yield GaugeMetricFamily("crm_import_finished", "Whether all of it is stored.", progress.finished)
