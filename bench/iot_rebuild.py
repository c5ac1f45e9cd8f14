"""How fast IoT fills an empty store from the topic, beside a bare loop on the same topic."""

from collections.abc import Iterator
from pathlib import Path

from bench import bare_loop
from bench.rebuild import rebuilt
from bench.report import Row, Subject
from parts.kafka import Kafka
from parts.mariadb import MariaDb
from parts.redis import Redis

REPEATS, EVENTS = 5, 100_000


def _measure(folder: Path) -> Iterator[Row]:
    with Kafka(folder / "kafka") as broker:
        for connections in (EVENTS, EVENTS // 5):
            what = f"{EVENTS:,} events of {connections:,} connections"
            pairs = [_beside_bare(folder / f"redis-{connections}-{n}", broker, connections) for n in range(REPEATS)]
            yield Row(f"{what}, Redis", [rate for rate, _ in pairs], "/s", least=15_000, lab="1,834/s")
            yield Row("a bare loop from Kafka to Redis: no Dapr, no guard", [bare for _, bare in pairs], "/s")
            yield Row("IoT's share of the bare loop's rate", [100 * rate / bare for rate, bare in pairs], "%", least=25)
        rates = [_into_mariadb(folder / f"mariadb-{n}", broker) for n in range(3)]
        yield Row(f"{EVENTS:,} events of {EVENTS:,} connections, MariaDB", rates, "/s", least=3_000)


def _beside_bare(folder: Path, broker: Kafka, connections: int) -> tuple[float, float]:
    """Events per second of IoT, and of the bare loop."""
    with rebuilt(folder, broker, Redis, EVENTS, connections) as it:
        rate = EVENTS / it.seconds
        with Redis(folder / "bare") as empty:
            return rate, bare_loop.rate(it.platform, empty, EVENTS)


def _into_mariadb(folder: Path, broker: Kafka) -> float:
    with rebuilt(folder, broker, MariaDb, EVENTS, EVENTS) as it:
        return EVENTS / it.seconds


SUBJECT = Subject("IoT: a rebuild by one replica, from the first delivery until all is stored", _measure)
