"""CRM on real parts: a topic of its own on a real broker, replicas of CRM, a real sidecar for each."""

from collections.abc import Collection, Sequence
from contextlib import ExitStack
from pathlib import Path

from parts.changes import Changes
from parts.contract import validate
from parts.crm import Crm
from parts.daprd import Daprd
from parts.kafka import Kafka
from parts.process import free_port, until
from parts.topic import Record, Topic, histories, last_levels


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

    def add(self, name: str, **settings: str) -> tuple[Crm, Daprd]:
        """CRM, without customers unless `settings` say otherwise, and its sidecar; both run."""
        port, folder = free_port(), self._folder / name
        sidecar = self._running.enter_context(Daprd(folder, "crm", port, self.broker.address))
        defaults = {
            "CRM_TOPIC": self._topic.name,
            "CRM_CUSTOMERS_CSV": str(self._folder / "nobody.csv"),
            "DAPR_HTTP_PORT": str(sidecar.http_port),
        }
        return self._running.enter_context(Crm(folder, port, **defaults | settings)), sidecar

    def records(self, without: Collection[int] = ()) -> list[Record]:
        """What is on the topic, but for some partitions."""
        return self._topic.records(without)

    def count(self) -> int:
        """How many records are on the topic."""
        return self._topic.count()

    def must_have_told(self, changes: Changes, seconds: float = 60) -> None:
        """Wait until all that was accepted is on the topic; AssertionError unless it is as promised.

        Nothing is lost, nothing is too much, no connection's events are out of order, and events
        that came twice are the same; and each is what docs/asyncapi.yaml says.
        """
        assert changes.refused == []
        due = sum(map(len, changes.told.values()))
        until(lambda: self.count() >= due, f"{due} records are on the topic", seconds)
        until(lambda: last_levels(self.records()) == changes.last_levels(), "the topic says what CRM says", seconds)
        assert histories(self.records()) == changes.told
        for record in self.records():
            validate(record.value)
