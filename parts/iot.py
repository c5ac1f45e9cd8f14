"""The IoT Platform as processes: a topic, a place for dead letters, a store, and replicas with a sidecar each."""

import shutil
import sys
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import yaml
from confluent_kafka import KafkaError, Producer
from confluent_kafka.admin import NewTopic

from parts.daprd import APP_API_TOKEN, COMPONENTS, Daprd, component
from parts.kafka import LARGEST_BATCH, Kafka
from parts.mariadb import MariaDb
from parts.process import Process, free_port, until
from parts.redis import Redis
from parts.topic import Topic

FOLDER = Path(__file__).parents[1] / "services" / "iot"


class Iot(Process):
    """IoT with a port of its own, which stays the same when it is started again."""

    def __init__(self, folder: Path, port: int | None = None, **settings: str) -> None:
        """`settings` are environment variables, as README.md of services/iot has them."""
        folder.mkdir(parents=True, exist_ok=True)
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        env = {
            "PYTHONPATH": str(FOLDER / "src"),
            "IOT_PORT": str(self.port),
            "APP_API_TOKEN": APP_API_TOKEN,
            **settings,
        }
        super().__init__([sys.executable, "-m", "iot"], folder / "iot.log", env=env, cwd=FOLDER)

    def ready(self) -> bool:
        """Whether it listens; its sidecar waits for that."""
        return self.answers("/livez")

    def send(self, number: int) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def ended(self, seconds: float = 30) -> int:
        """Its exit code, once it has ended by itself."""
        return self._process.wait(seconds)

    def answers(self, path: str) -> bool:
        """Whether it answers well there."""
        try:
            return httpx.get(self.url + path, timeout=10).is_success
        except httpx.TransportError:
            return False

    def ask(self, connection: str) -> httpx.Response:
        """What it says of a connection."""
        return httpx.get(self.url, params={"connectionId": connection}, timeout=30)

    def level(self, connection: str) -> str | None:
        """The level of a connection, None when it has none to tell."""
        answer = self.ask(connection)
        return str(answer.json()["connectionMandate"]) if answer.status_code == 200 else None

    def metric(self, sample: str) -> float:
        """The value of one of its metrics, by name and labels as they are written; 0 when it is not there."""
        for line in httpx.get(f"{self.url}/metrics", timeout=10).text.splitlines():
            name, _, value = line.rpartition(" ")
            if name == sample:
                return float(value)
        return 0


class Replica:
    """IoT and its sidecar, which live and die together, as in a pod."""

    def __init__(self, iot: Iot, sidecar: Daprd) -> None:
        self.iot = iot
        self.sidecar = sidecar

    def pause(self) -> None:
        """Stop both where they are (SIGSTOP)."""
        self.iot.pause()
        self.sidecar.pause()

    def resume(self) -> None:
        """Let both go on."""
        self.sidecar.resume()
        self.iot.resume()


class Platform:
    """A topic and one for dead letters on a broker, a store, and the replicas of one consumer group."""

    def __init__(self, broker: Kafka, folder: Path, running: ExitStack, store: Redis | MariaDb) -> None:
        """`folder` is empty and gives the topics and the group their names; what is started ends with `running`."""
        self.broker = broker
        self.store = store
        self.topic = folder.name
        self.dead_letter_topic = f"{folder.name}-dead-letter"
        self._folder = folder
        self._running = running
        # One record may be as large as any broker takes it, those that are sent together as the topic does.
        largest = {"message.max.bytes": 1_048_576, "batch.size": LARGEST_BATCH}
        self._producer = Producer({"bootstrap.servers": broker.address, "log_level": 0, **largest})
        broker.create_topic(self.topic)

    def create_dead_letter_topic(self) -> None:
        """As k8s/strimzi/topic.yaml declares it, with one replica."""
        config = {"cleanup.policy": "compact", "max.message.bytes": "2097152"}
        wanted = NewTopic(self.dead_letter_topic, 1, 1, config=config)
        client = self.broker.client()
        client.create_topics([wanted])[self.dead_letter_topic].result(30)

        def led() -> bool:
            partitions = client.list_topics(self.dead_letter_topic, 10).topics[self.dead_letter_topic].partitions
            return bool(partitions) and all(partition.leader >= 0 for partition in partitions.values())

        until(led, f"{self.dead_letter_topic} has a leader")

    def replica(self, name: str, **settings: str) -> Replica:
        """A replica, not started."""
        port, folder = free_port(), self._folder / name
        sidecar = Daprd(folder, "iot", port, self.broker.address)
        self.write_resources(folder / "resources")
        defaults = {"IOT_DEAD_LETTER_TOPIC": self.dead_letter_topic, "DAPR_GRPC_PORT": str(sidecar.grpc_port)}
        return Replica(Iot(folder, port, **defaults | settings), sidecar)

    def write_resources(self, resources: Path) -> None:
        """What a sidecar needs to deliver the topic to IoT, and for its store, into its folder."""
        pubsub = component("iot-pubsub", brokers=self.broker.address, consumerGroup=self.topic)
        (resources / "pubsub.yaml").write_text(pubsub)
        subscription = yaml.safe_load((COMPONENTS / "subscription.yaml").read_text())
        subscription["spec"]["topic"] = self.topic
        (resources / "subscription.yaml").write_text(yaml.safe_dump(subscription))
        shutil.copy(COMPONENTS / "resiliency.yaml", resources)
        (resources / "statestore.yaml").write_text(state_component(self.store))

    def add(self, name: str, **settings: str) -> Replica:
        """A replica that runs and is ready."""
        replica = self.replica(name, **settings)
        self._running.enter_context(replica.iot)
        self._running.enter_context(replica.sidecar)
        until(lambda: replica.iot.answers("/readyz"), f"{name} is ready")
        return replica

    def put(self, records: Iterable[tuple[bytes | None, bytes]], partition: int | None = None, **headers: str) -> None:
        """Put records, of a key and a value, on the topic, and wait until the broker has them.

        AssertionError when it does not take them all.
        """
        by_key = -1
        refused: list[KafkaError] = []
        told: dict[str, Any] = {
            "headers": list(headers.items()),
            "on_delivery": lambda error, _: refused.append(error) if error else None,
        }
        for key, value in records:
            self._producer.produce(self.topic, value, key, by_key if partition is None else partition, **told)
        if left := self._producer.flush(60) + len(refused):
            raise AssertionError(f"{left} records could not be put on {self.topic}: {refused[:1]}")

    def dead_letters(self) -> Mapping[str, Any]:
        """The dead letters by key; AssertionError when one is there twice."""
        found = Topic(self.broker.address, self.dead_letter_topic).records()
        letters = {record.key: record.event for record in found}
        if len(letters) != len(found):
            raise AssertionError(f"{len(found)} dead letters of {len(letters)} messages")
        return letters


def state_component(store: Redis | MariaDb) -> str:
    """The YAML of a state Component of k8s/dapr for a store on this machine, by the name `statestore`."""
    if isinstance(store, Redis):
        file, here = "statestore.yaml", {"redisHost": f"127.0.0.1:{store.port}"}
    else:
        file = "durable-statestore/durable-statestore.yaml"
        there = f"crm:crm@tcp(127.0.0.1:{store.port})/?timeout=5s&interpolateParams=true"
        here = {"connectionString": there, "schemaName": "crm"}
    found = yaml.safe_load((COMPONENTS / file).read_text())
    kept = [each for each in found["spec"]["metadata"] if "secretKeyRef" not in each and each["name"] not in here]
    found["spec"]["metadata"] = [*kept, *({"name": name, "value": value} for name, value in here.items())]
    found["metadata"]["name"] = "statestore"
    return yaml.safe_dump(found)
