"""The ways from a change to who asks for it: Mandates, and the bare ones that it is measured by."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench import customers
from bench.bare.app import App, with_sidecar
from bench.customers import Change
from parts.crm import Crm
from parts.daprd import Daprd, component
from parts.iot import Iot, Platform, state_component
from parts.kafka import Kafka
from parts.process import Process, free_port, until
from parts.redis import Redis

Way = Callable[[str, int], int]
"""The port by which to reach a server, given what it is asked for and its own: another where somebody listens in."""

DELIVERED, HANDED, STORED = "delivered", "handed", "stored"
"""What is asked for on a way: of the query side, of the command side's sidecar, of the query side's sidecar."""


@dataclass(frozen=True, slots=True)
class Chain:
    """A command side and a query side that run, by their ports, and what is between them."""

    name: str
    topic: str
    command: int
    query: int
    changes: Iterator[Change]
    processes: Mapping[str, Process]


def straight(_: str, port: int) -> int:
    """The way on which nobody listens in."""
    return port


def mandates(broker: Kafka, folder: Path, running: ExitStack, count: int, way: Way = straight) -> Chain:
    """CRM with so many customers, in memory, and IoT, over Redis; what is started ends with `running`."""
    folder.mkdir()
    store = running.enter_context(Redis(folder / "redis"))
    platform = Platform(broker, folder, running, store)
    iot_sidecar, iot = _iot(platform, folder / "iot", way)
    running.enter_context(iot)
    running.enter_context(iot_sidecar)
    port = free_port()
    crm_sidecar = running.enter_context(Daprd(folder / "crm", "crm", port, broker.address))
    file = customers.write(folder / "customers.csv", count)
    settings = {
        "CRM_TOPIC": platform.topic,
        "CRM_CUSTOMERS_CSV": str(file),
        "DAPR_HTTP_PORT": str(way(HANDED, crm_sidecar.http_port)),
    }
    crm = running.enter_context(Crm(folder / "crm", settings, port))
    until(lambda: iot.level(f"c-{count}") == "1", "IoT knows the customers")
    processes = {"CRM": crm, "its sidecar": crm_sidecar, "IoT": iot, "IoT's sidecar": iot_sidecar, "Redis": store}
    return Chain("Mandates", platform.topic, crm.port, iot.port, customers.changes(count), processes)


def over_dapr(broker: Kafka, folder: Path, running: ExitStack, count: int, way: Way = straight) -> Chain:
    """Two apps with a sidecar each: what is published is saved, without outbox, guard and bulk."""
    folder.mkdir()
    topic = folder.name
    broker.create_topic(topic)
    store = running.enter_context(Redis(folder / "redis"))
    taking, sending = free_port(), free_port()
    iot_sidecar = Daprd(folder / "iot", "iot", way(DELIVERED, taking), broker.address)
    crm_sidecar = running.enter_context(Daprd(folder / "crm", "crm", sending, broker.address))
    resources = folder / "iot" / "resources"
    pubsub = component("iot-pubsub", brokers=broker.address, consumerGroup=topic)
    (resources / "pubsub.yaml").write_text(pubsub)
    (resources / "statestore.yaml").write_text(state_component(store))
    running.enter_context(iot_sidecar)
    of_iot = with_sidecar(iot_sidecar, topic, way(STORED, iot_sidecar.grpc_port))
    of_crm = with_sidecar(crm_sidecar, topic, way(HANDED, crm_sidecar.grpc_port))
    iot = running.enter_context(App(folder, "iot_dapr", of_iot, taking))
    crm = running.enter_context(App(folder, "crm_dapr", of_crm, sending))
    processes = {"CRM": crm, "its sidecar": crm_sidecar, "IoT": iot, "IoT's sidecar": iot_sidecar, "Redis": store}
    return Chain("a bare chain over Dapr", topic, crm.port, iot.port, customers.changes(count), processes)


def without_dapr(broker: Kafka, folder: Path, running: ExitStack, count: int) -> Chain:
    """Two apps: one with a Kafka client, the other with that and a Redis client."""
    folder.mkdir()
    topic = folder.name
    broker.create_topic(topic)
    store = running.enter_context(Redis(folder / "redis"))
    settings = {"TOPIC": topic, "BROKER": broker.address, "STORE": str(store.port)}
    iot = running.enter_context(App(folder, "iot_kafka", settings))
    crm = running.enter_context(App(folder, "crm_kafka", settings))
    processes = {"CRM": crm, "IoT": iot, "Redis": store}
    return Chain("a bare chain without Dapr", topic, crm.port, iot.port, customers.changes(count), processes)


def _iot(platform: Platform, folder: Path, way: Way) -> tuple[Daprd, Iot]:
    """IoT and its sidecar, not started."""
    port = free_port()
    sidecar = Daprd(folder, "iot", way(DELIVERED, port), platform.broker.address)
    platform.write_resources(folder / "resources")
    grpc_port = str(way(STORED, sidecar.grpc_port))
    settings = {"IOT_DEAD_LETTER_TOPIC": platform.dead_letter_topic, "DAPR_GRPC_PORT": grpc_port}
    return sidecar, Iot(folder, port, **settings)
