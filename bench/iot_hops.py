"""Where the time of a change goes, from the request to CRM until IoT answers with it: hop by hop, and by process.

One change at a time, between whose hops taps listen; IoT is asked once, when it has answered the delivery.
"""

import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench import paced
from bench.chain import DELIVERED, HANDED, STORED, Chain, Way, mandates, over_dapr
from bench.connection import Connection
from bench.frames import Call, Grpc, Http
from bench.report import Row, Subject, Yardstick
from bench.taps import Taps
from parts.kafka import Kafka
from parts.process import Process
from parts.topic import Topic

CUSTOMERS, CHANGES, ROUNDS = 300, 400, 4

Build = Callable[[Kafka, Path, ExitStack, int, Way], Chain]


@dataclass(frozen=True, slots=True)
class _Passed:
    """When a change passed where: seconds since 1970."""

    sent: float
    accepted: float
    handed: Call
    delivered: Call
    stored: list[Call]
    asked: float
    told: float

    def hops(self, on_topic: float) -> Iterator[tuple[str, float]]:
        """What happened, and the seconds that it took; `on_topic` is when the broker had it, in whole ms."""
        on_topic += 0.0005  # in the middle of its ms it is right on average
        *read, written = self.stored
        yield "POST until its answer: accepted, committed", self.accepted - self.sent
        yield "1. POST until it is handed to CRM's sidecar", self.handed.begun - self.sent
        yield "2. until the broker has it, by its clock", on_topic - self.handed.begun
        yield "3. until it is delivered to IoT", self.delivered.begun - on_topic
        if read:
            yield "4. until what is stored has been read", read[-1].ended - self.delivered.begun
        yield "5. until it is written", written.ended - (read[-1].ended if read else self.delivered.begun)
        yield "6. until the delivery is answered", self.delivered.ended - written.ended
        yield "7. a query until it is told", self.told - self.asked
        yield "1 to 7", self.delivered.ended - self.sent + self.told - self.asked
        yield "CRM's sidecar until it has answered CRM", self.handed.ended - self.handed.begun


class _Tapped:
    """A chain with taps in it, and what was seen of it, by name, in milliseconds."""

    def __init__(self, chain: Chain, taps: Taps, broker: Kafka) -> None:
        self.name = chain.name
        self.hops: defaultdict[str, list[float]] = defaultdict(list)
        self._chain = chain
        self._taps = taps
        self._topic = Topic(broker.address, chain.topic)
        self._processes: dict[str, Process] = {**chain.processes, "Kafka": broker}
        self._spent: defaultdict[str, float] = defaultdict(float)
        self._changes = 0

    def round(self) -> None:
        """Some changes: the p50 of each hop."""
        before = self._seconds()
        with Connection(self._chain.command) as command, Connection(self._chain.query) as query:
            passed = [self._change(command, query) for _ in range(CHANGES)]
        for name, seconds in self._seconds().items():
            self._spent[name] += seconds - before[name]
        self._changes += CHANGES
        first = passed[0].sent * 1000 - 1
        times = sorted(record.timestamp for record in self._topic.records() if record.timestamp >= first)
        hops = [dict(change.hops(on_topic / 1000)) for change, on_topic in zip(passed, times, strict=True)]
        for name in hops[0]:
            self.hops[name].append(statistics.median(each[name] for each in hops) * 1000)

    def processors(self) -> dict[str, list[float]]:
        """What each process has had of the processors for a change, and all of them: the mean of all rounds."""
        spent = {name: seconds * 1000 / self._changes for name, seconds in self._spent.items()}
        return {f"processors' time: {name}": [each] for name, each in {**spent, "all": sum(spent.values())}.items()}

    def _seconds(self) -> dict[str, float]:
        return {name: process.processor() for name, process in self._processes.items()}

    def _change(self, command: Connection, query: Connection) -> _Passed:
        change = next(self._chain.changes)
        self._taps.forget()
        sent = time.time()
        command.post(change.path, change.body)
        accepted = time.time()
        delivered = self._taps.call(DELIVERED, sent)
        handed = self._taps.call(HANDED, sent)
        stored = [call for call in self._taps.calls[STORED] if delivered.begun <= call.begun <= delivered.ended]
        asked = time.time()
        if change.told not in (said := query.get(change.query)):
            raise AssertionError(f"{change.query} tells {said!r} when {change.body!r} has been taken")
        return _Passed(sent, accepted, handed, delivered, stored, asked, time.time())


def _measure(folder: Path) -> Iterator[Row]:
    with Kafka(folder / "kafka") as broker, ExitStack() as running:

        def tapped(build: Build, handed: type[Http | Grpc]) -> _Tapped:
            taps = running.enter_context(Taps({DELIVERED: Http, STORED: Grpc, HANDED: handed}))
            chain = build(broker, folder / build.__name__, running, CUSTOMERS, taps.way)
            paced.warm(chain)
            return _Tapped(chain, taps, broker)

        # The bare chain publishes by Dapr's SDK, which is over gRPC.
        ours, bare = tapped(mandates, Http), tapped(over_dapr, Grpc)
        for turn in range(ROUNDS):
            for each in (ours, bare)[:: -1 if turn % 2 else 1]:
                each.round()
    for mine, its in ((ours.hops, bare.hops), (ours.processors(), bare.processors())):
        for name, values in mine.items():
            yield Row(name, values, "ms", Yardstick(bare.name, its[name]) if name in its else None)


SUBJECT = Subject("Where the time of a change goes: p50 of each hop, with taps between them, and by process", _measure)
