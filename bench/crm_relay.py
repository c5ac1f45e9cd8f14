"""How fast an outbox that filled up while the sidecar was away reaches the topic, beside a bare loop."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from bench import customers
from bench.bare import relay as bare
from bench.report import Row, Subject, Yardstick
from parts.kafka import Kafka
from parts.stack import Stack
from parts.topic import Record, Topic

REPEATS, EVENTS = 3, 100_000


def _measure(folder: Path) -> Iterator[Row]:
    file = customers.write(folder / "customers.csv", EVENTS)
    with Kafka(folder / "kafka") as broker:
        for store, url in {"in memory": None, "SQLite file": "sqlite:///{}/crm.db"}.items():
            pairs = [_rates(folder / f"{store.split()[0]}-{number}", broker, file, url) for number in range(REPEATS)]
            loop = Yardstick("a loop over the same sidecar", [its for _, its in pairs])
            yield Row(f"{EVENTS:,} events, {store}", [mine for mine, _ in pairs], "/s", loop, least=0.75)


def _rates(folder: Path, broker: Kafka, file: Path, url: str | None) -> tuple[float, float]:
    """Events per second of CRM, and of a bare loop."""
    folder.mkdir()
    settings = {"CRM_DATABASE_URL": url.format(folder)} if url else {}
    with ExitStack() as running:
        stack = Stack(broker, folder, running)
        _, sidecar = stack.add("crm", {"CRM_CUSTOMERS_CSV": str(file), **settings}, sidecar_late=True)
        sidecar.begin()
        stack.relayed(EVENTS)
        topic = f"{folder.name}-bare"
        broker.create_topic(topic)
        bare.send(sidecar, topic, EVENTS)
        return _rate(stack.records()), _rate(Topic(broker.address, topic).records())


def _rate(records: list[Record]) -> float:
    """Events per second from the first to the last, by the times that the broker wrote on them."""
    times = [record.timestamp for record in records]
    return len(times) / (max(times) - min(times)) * 1000


SUBJECT = Subject("CRM: a full outbox, from the first to the last event on the topic", _measure)
