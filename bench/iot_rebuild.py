"""How fast IoT fills an empty store from the topic, beside a bare loop on the same topic."""

from collections.abc import Callable, Iterator
from pathlib import Path

from bench.bare import rebuild as bare
from bench.rebuild import rebuilt
from bench.report import Row, Subject, Yardstick
from parts.kafka import Kafka
from parts.mariadb import MariaDb
from parts.redis import Redis

EVENTS = 100_000


def _measure(folder: Path) -> Iterator[Row]:
    with Kafka(folder / "kafka") as broker:
        for connections, aim in ((EVENTS, 0.5), (EVENTS // 5, 0.35)):
            pairs = [_beside_bare(folder / f"redis-{connections}-{n}", broker, Redis, connections) for n in range(5)]
            yield _row(f"{EVENTS:,} events of {connections:,} connections, Redis", pairs, 0.25, aim, "1,834/s")
        pairs = [_beside_bare(folder / f"mariadb-{n}", broker, MariaDb, EVENTS) for n in range(3)]
        yield _row(f"{EVENTS:,} events of {EVENTS:,} connections, MariaDB", pairs, 0.08)


def _row(name: str, pairs: list[tuple[float, float]], least: float, aim: float | None = None, lab: str = "") -> Row:
    beside = Yardstick("a loop from Kafka to the store", [its for _, its in pairs])
    return Row(name, [mine for mine, _ in pairs], "/s", beside, least=least, aim=aim, lab=lab)


def _beside_bare(
    folder: Path, broker: Kafka, kind: Callable[[Path], Redis | MariaDb], connections: int
) -> tuple[float, float]:
    """Events per second of IoT, and of the bare loop."""
    with rebuilt(folder, broker, kind, EVENTS, connections) as it, kind(folder / "bare") as empty:
        return EVENTS / it.seconds, bare.rate(it.platform, empty, EVENTS)


SUBJECT = Subject("IoT: a rebuild by one replica, from the first delivery until all is stored", _measure)
