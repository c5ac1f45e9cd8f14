"""How long a change takes from the request to CRM until IoT answers with it: the whole chain."""

import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from bench import paced
from bench.chain import Chain, mandates, over_dapr, without_dapr
from bench.connection import Connection
from bench.customers import Change
from bench.report import Row, Subject, Yardstick
from parts.kafka import Kafka
from parts.process import until

CUSTOMERS, CHANGES, ROUNDS = 300, 400, 5
_PAUSE = 0.0
"""Seconds between two queries: what a query takes is as exact as it gets."""


def _measure(folder: Path) -> Iterator[Row]:
    with Kafka(folder / "kafka") as broker, ExitStack() as running:
        chains = [
            build(broker, folder / build.__name__, running, CUSTOMERS) for build in (mandates, over_dapr, without_dapr)
        ]
        for chain in chains:
            paced.warm(chain)
        cuts: dict[str, list[list[float]]] = {chain.name: [] for chain in chains}
        for turn in range(ROUNDS):
            for chain in chains[turn % 3 :] + chains[: turn % 3]:
                cuts[chain.name].append(_cuts(chain))
        ours, dapr, kafka = cuts.values()
        changes = f"{ROUNDS} times {CHANGES} changes, one at a time"
        lab = {49: "7.0 ms", 98: "18.4 ms"}
        for percent, name in ((49, f"{changes}: p50"), (98, "p99")):
            mine = [turn[percent] for turn in ours]
            bare = Yardstick(chains[1].name, [turn[percent] for turn in dapr])
            yield Row(name, mine, "ms", bare, most=1.2, aim=1, lab=lab[percent])
            least = Yardstick(chains[2].name, [turn[percent] for turn in kafka])
            yield Row(name, mine, "ms", least, most=2)


def _cuts(chain: Chain) -> list[float]:
    """The percentiles of a round, ms."""
    with Connection(chain.command) as command, Connection(chain.query) as query:
        return statistics.quantiles([_milliseconds(command, query, next(chain.changes)) for _ in range(CHANGES)], n=100)


def _milliseconds(command: Connection, query: Connection, change: Change) -> float:
    """From a change's request until a query is answered with it."""
    begun = time.monotonic()
    command.post(change.path, change.body)
    until(lambda: change.told in query.get(change.query), f"{change.query} tells {change.body!r}", every=_PAUSE)
    return (time.monotonic() - begun) * 1000


SUBJECT = Subject("From a change at CRM, in memory, until IoT tells it, from Redis", _measure)
