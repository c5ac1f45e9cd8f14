"""What /metrics tells, in Prometheus's text format, version 0.0.4.

Written here rather than with Prometheus's client: it is a megabyte of the process and four times the
time of a request, for locks between threads that this service does not have.
"""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import accumulate
from typing import Protocol

from crm.domain.customers import StoreError
from crm.domain.progress import Progress

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, float("inf"))
"""Seconds."""

UNKNOWN = float("nan")
"""What Prometheus takes for a value that is not there."""


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


@dataclass(slots=True)
class _Times:
    """How many requests lasted how long: not above the bound of each bucket, and above the last."""

    buckets: list[int] = field(default_factory=lambda: [0] * len(BUCKETS))
    seconds: float = 0.0


class Metrics:
    """All metrics of this process."""

    def __init__(self, outbox: Backlog, relay: Relaying, progress: Progress) -> None:
        self._outbox = outbox
        self._relay = relay
        self._progress = progress
        self._requests: dict[tuple[str, str, int], int] = {}
        self._times: dict[tuple[str, str], _Times] = {}

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request. The labels must be of a small, closed set of values, without quotes."""
        key = (method, route, status)
        self._requests[key] = self._requests.get(key, 0) + 1
        times = self._times.get((method, route))
        if times is None:
            times = self._times[method, route] = _Times()
        times.buckets[bisect_left(BUCKETS, seconds)] += 1
        times.seconds += seconds

    async def text(self) -> str:
        """The metrics as of now; those of the outbox are NaN while the store is away."""
        waiting, age = UNKNOWN, UNKNOWN
        try:
            waiting, oldest = await self._outbox.backlog(), await self._outbox.oldest()
            age = max(0.0, (datetime.now(UTC) - oldest).total_seconds()) if oldest else 0.0
        except StoreError:
            pass
        relay, progress = self._relay, self._progress
        lines = [
            *self._of_requests(),
            *_one("crm_outbox_events", "gauge", "Events that wait to be published.", waiting),
            *_one("crm_outbox_oldest_seconds", "gauge", "Age of the oldest event that waits.", age),
            *_one("crm_events_published_total", "counter", "Events that the broker has taken.", relay.published),
            *_one("crm_events_failed_total", "counter", "Times an event was sent and not taken.", relay.failed),
            *_one("crm_relay_active", "gauge", "Whether this process is the one that publishes.", int(relay.active)),
            *_one("crm_import_rows", "gauge", "Rows of the file with customers to begin with.", progress.total),
            *_one("crm_imported_rows", "gauge", "Rows of it that are stored.", progress.rows),
            *_one("crm_import_finished", "gauge", "Whether all of it is stored.", int(progress.finished)),
        ]
        return "\n".join(lines) + "\n"

    def _of_requests(self) -> Iterator[str]:
        yield from _head("crm_requests_total", "counter", "Requests answered.")
        for (method, route, status), number in self._requests.items():
            yield f'crm_requests_total{{method="{method}",route="{route}",status="{status}"}} {number}'
        name = "crm_request_seconds"
        yield from _head(name, "histogram", "Time from the head of a request to the end of its answer.")
        for (method, route), times in self._times.items():
            labels = f'method="{method}",route="{route}"'
            for bound, number in zip(BUCKETS, accumulate(times.buckets), strict=True):
                yield f'{name}_bucket{{{labels},le="{_number(bound)}"}} {number}'
            yield f"{name}_sum{{{labels}}} {times.seconds}"
            yield f"{name}_count{{{labels}}} {sum(times.buckets)}"


def _head(name: str, kind: str, text: str) -> tuple[str, str]:
    return f"# HELP {name} {text}", f"# TYPE {name} {kind}"


def _one(name: str, kind: str, text: str, value: float) -> tuple[str, ...]:
    return *_head(name, kind, text), f"{name} {_number(value)}"


def _number(value: float) -> str:
    return {"inf": "+Inf", "nan": "NaN"}.get(str(value), str(value))
