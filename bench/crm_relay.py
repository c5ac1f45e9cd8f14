"""How fast an outbox that filled up while the sidecar was away reaches the topic."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from bench import customers
from bench.report import Row, Subject
from parts.kafka import Kafka
from parts.stack import Stack

REPEATS, EVENTS = 3, 100_000


def _measure(folder: Path) -> Iterator[Row]:
    file = customers.write(folder / "customers.csv", EVENTS)
    with Kafka(folder / "kafka") as broker:
        for store, url in {"in memory": None, "SQLite file": "sqlite+aiosqlite:///{}/crm.db"}.items():
            rates = [_rate(folder / f"{store.split()[0]}-{number}", broker, file, url) for number in range(REPEATS)]
            yield Row(f"{EVENTS:,} events, {store}", rates, "/s", least=10_000)


def _rate(folder: Path, broker: Kafka, file: Path, url: str | None) -> float:
    """Events per second from the first to the last, by the times that the broker wrote on them."""
    folder.mkdir()
    settings = {"CRM_DATABASE_URL": url.format(folder)} if url else {}
    with ExitStack() as running:
        stack = Stack(broker, folder, running)
        _, sidecar = stack.add("crm", {"CRM_CUSTOMERS_CSV": str(file), **settings}, sidecar_late=True)
        sidecar.begin()
        stack.relayed(EVENTS)
        times = [record.timestamp for record in stack.records()]
    return len(times) / (max(times) - min(times)) * 1000


SUBJECT = Subject("CRM: a full outbox, from the first to the last event on the topic", _measure)
