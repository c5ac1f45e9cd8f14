"""A Kafka broker as a process, in KRaft mode, without TLS and users."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from parts.found import kafka_jars
from parts.process import Process, free_port, listens, until

TOPIC_YAML = Path(__file__).parents[1] / "k8s" / "strimzi" / "topic.yaml"
_CLUSTER_ID = "bWFuZGF0ZXMtb24taG9zdA"


def declared(topic: str) -> Any:
    """The spec of a KafkaTopic in k8s/strimzi/topic.yaml."""
    resources = yaml.safe_load_all(TOPIC_YAML.read_text())
    return next(each["spec"] for each in resources if each["metadata"]["name"] == topic)


_MANDATES_TOPIC = declared("connection-mandates-topic")
PARTITIONS = int(_MANDATES_TOPIC["partitions"])
LARGEST_BATCH = int(_MANDATES_TOPIC["config"]["max.message.bytes"])
"""Bytes of records that are written together to a partition of the topic, and so of one record too."""


class Kafka(Process):
    """One node: the first of a cluster is broker and controller, the others are brokers alone.

    It comes back with what it knew: its data stays in its folder.
    """

    def __init__(self, folder: Path, first: "Kafka | None" = None) -> None:
        """`first` is the node whose cluster this one joins; without it this is the first of its own."""
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self._first = first
        self._quorum: int = first._quorum if first else free_port()
        self.id: int = first.id + 1 if first else 1
        properties = folder / "server.properties"
        properties.write_text(self._properties(folder, first is None))
        java = ["java", "-Xms256m", "-Xmx256m", "-cp", f"{kafka_jars()}/*"]
        super().__init__([*java, "kafka.Kafka", properties], folder / "kafka.log")
        subprocess.run(
            [*java, "kafka.tools.StorageTool", "format", "--cluster-id", _CLUSTER_ID, "--config", properties],
            check=True,
            capture_output=True,
        )

    def __exit__(self, *_: object) -> None:
        """End it; the first node of its cluster then knows of it no more.

        Until then clients are told that this one may be the controller, and wait for it in vain.
        """
        super().__exit__()
        if first := self._first:
            until(lambda: self.id not in first.client().list_topics(timeout=10).brokers, "the node is given up")

    @property
    def address(self) -> str:
        """Where clients connect."""
        return f"127.0.0.1:{self.port}"

    def client(self) -> AdminClient:
        """A client that silently tries again while the broker is away."""
        return AdminClient({"bootstrap.servers": self.address, "log_level": 0})

    def ready(self) -> bool:
        """Whether it takes part in its cluster."""
        return listens(self.port) and self.id in self.client().list_topics(timeout=10).brokers

    def create_topic(self, name: str, replicas: Sequence[int] = ()) -> None:
        """A topic like connection-mandates-topic in k8s/strimzi/topic.yaml, but with one replica.

        `replicas` are the ids of the nodes that have its partitions; without it that is this one.
        """
        config = {key: str(value) for key, value in _MANDATES_TOPIC["config"].items()}
        placed = [[node] for node in replicas or [self.id] * PARTITIONS]
        wanted = NewTopic(name, PARTITIONS, replica_assignment=placed, config=config)
        client = self.client()
        client.create_topics([wanted])[name].result(30)

        def led() -> bool:
            partitions = client.list_topics(name, 10).topics[name].partitions.values()
            return sum(partition.leader >= 0 for partition in partitions) == PARTITIONS

        until(led, f"every partition of {name} has a leader")

    def configure_topic(self, name: str, config: Mapping[str, str]) -> None:
        """Change settings of a topic."""
        entries = [
            ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET) for key, value in config.items()
        ]
        resource = ConfigResource(ResourceType.TOPIC, name, incremental_configs=entries)
        # A client that nobody holds takes what it was asked for with it.
        client = self.client()
        client.incremental_alter_configs([resource])[resource].result(30)

    def _properties(self, folder: Path, first: bool) -> str:
        listeners = {"PLAINTEXT": self.port} | ({"CONTROLLER": self._quorum} if first else {})
        return "\n".join(
            f"{name}={value}"
            for name, value in {
                "process.roles": "broker,controller" if first else "broker",
                "node.id": self.id,
                "controller.quorum.voters": f"1@127.0.0.1:{self._quorum}",
                "controller.listener.names": "CONTROLLER",
                "listeners": ",".join(f"{name}://127.0.0.1:{port}" for name, port in listeners.items()),
                "advertised.listeners": f"PLAINTEXT://127.0.0.1:{self.port}",
                "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
                "log.dirs": folder / "data",
                "auto.create.topics.enable": "false",
                "offsets.topic.replication.factor": 1,
                "offsets.topic.num.partitions": 1,
                "group.initial.rebalance.delay.ms": 0,
                # How soon it looks again for what can be compacted.
                "log.cleaner.backoff.ms": 200,
            }.items()
        )
