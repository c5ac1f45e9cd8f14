"""How long a change takes until IoT tells it while others come at a pace, beside the bare chain over Dapr."""

import statistics
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from bench import paced
from bench.chain import mandates, over_dapr
from bench.report import Row, Subject, Yardstick
from parts.kafka import Kafka

CUSTOMERS = 3_000
"""So many that no customer is changed again before the change before is told."""
RATES, ROUNDS, SECONDS = (200, 500, 1_000), 3, 5


def _measure(folder: Path) -> Iterator[Row]:
    with Kafka(folder / "kafka") as broker, ExitStack() as running:
        chains = [build(broker, folder / build.__name__, running, CUSTOMERS) for build in (mandates, over_dapr)]
        for chain in chains:
            paced.warm(chain)
        for rate in RATES:
            cuts: dict[str, list[list[float]]] = {chain.name: [] for chain in chains}
            for turn in range(ROUNDS):
                for chain in chains[:: -1 if turn % 2 else 1]:
                    taken = paced.milliseconds(chain, rate, SECONDS)
                    cuts[chain.name].append(statistics.quantiles(taken, n=100))
            ours, bare = cuts.values()
            for percent, name in ((49, "p50"), (98, "p99")):
                beside = Yardstick(chains[1].name, [turn[percent] for turn in bare])
                yield Row(f"{rate:,} changes/s: {name}", [turn[percent] for turn in ours], "ms", beside, most=1.2)


SUBJECT = Subject("From a change until IoT tells it, while changes come at a pace", _measure)
