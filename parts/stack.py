"""CRM on what it needs: a topic of its own on a real broker, replicas of CRM, a real sidecar for each."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from parts.changes import Changes
from parts.crm import Crm
from parts.daprd import Daprd
from parts.kafka import Kafka
from parts.process import free_port, until
from parts.topic import Record, Topic, last_levels


class Stack:
    """A broker, a topic, and the replicas of CRM with a sidecar each."""

    def __init__(self, broker: Kafka, folder: Path, running: ExitStack, nodes: Sequence[int] = ()) -> None:
        """`folder` is empty and gives the topic its name; what is started ends with `running`.

        `nodes` are the ids of the nodes that have the topic's partitions, where that matters.
        """
        self.broker = broker
        self._folder = folder
        self._running = running
        broker.create_topic(folder.name, nodes)
        self._topic = Topic(broker.address, folder.name)
        (folder / "nobody.csv").write_text("customerId,connectionId,connectionMandate\n")

    def add(
        self, name: str, settings: Mapping[str, str] | None = None, *, sidecar_late: bool = False
    ) -> tuple[Crm, Daprd]:
        """CRM, without customers unless `settings` say otherwise, and its sidecar.

        Both run and are ready, a late sidecar only when it is begun.
        """
        port, folder = free_port(), self._folder / name
        sidecar = Daprd(folder, "crm", port, self.broker.address)
        self._running.push(sidecar)
        if not sidecar_late:
            sidecar.begin()
        defaults = {
            "CRM_TOPIC": self._topic.name,
            "CRM_CUSTOMERS_CSV": str(self._folder / "nobody.csv"),
            "DAPR_HTTP_PORT": str(sidecar.http_port),
        }
        return self._running.enter_context(Crm(folder, {**defaults, **(settings or {})}, port)), sidecar

    def records(self, without: Collection[int] = ()) -> list[Record]:
        """What is on the topic, but for some partitions."""
        return self._topic.records(without)

    def count(self) -> int:
        """How many records are on the topic."""
        return self._topic.count()

    def relayed(self, records: int, seconds: float = 60) -> None:
        """Wait until so many records are on the topic."""
        until(lambda: self.count() >= records, f"{records} records are on the topic", seconds)

    def must_have_told(self, changes: Changes, seconds: float = 60, *, again: bool = False) -> None:
        """Wait until all that was accepted is on the topic; AssertionError unless it is as promised.

        What is promised, and what `again` allows: `changes.compare`.
        """
        due = sum(map(len, changes.told.values()))
        self.relayed(due, seconds)
        until(
            lambda: changes.last_levels().items() <= last_levels(self.records()).items(),
            "the topic says what CRM says",
            seconds,
        )
        changes.compare(self.records(), again=again)
