"""A Kafka cluster as wanted: what the Kafka resource and its KafkaNodePool ask for."""

from __future__ import annotations

from dataclasses import dataclass

from .resource import Resource

KAFKA_VERSION = "4.3.1"
METADATA_VERSION = "4.3-IV0"


@dataclass(frozen=True)
class Listener:
    """A door for clients.

    scram: they must say who they are, with SCRAM-SHA-512.
    peers: the NetworkPolicy's words for who may come; None: everyone.
    """

    name: str
    port: int
    tls: bool
    scram: bool
    peers: list[Resource] | None = None


@dataclass(frozen=True)
class Storage:
    """Where a node keeps its log. size None: on the pod, gone with it."""

    volume: str
    size: str | None
    storage_class: str | None
    delete_claim: bool


@dataclass(frozen=True)
class Pool:
    """Nodes of one kind: controllers keep the metadata quorum, brokers the events, combined ones both."""

    name: str
    node_ids: tuple[int, ...]
    controllers: bool
    brokers: bool
    storage: Storage
    jvm: Resource
    resources: Resource
    # spec.template.pod.topologySpreadConstraints: how its pods are spread.
    spread: tuple[Resource, ...]


@dataclass(frozen=True)
class Cluster:
    """One Kafka cluster, as wanted; everything in it is checked. rack: the node's label that names a broker's rack."""

    name: str
    namespace: str
    pools: tuple[Pool, ...]
    rack: str | None
    cluster_id: str
    listeners: tuple[Listener, ...]
    config: dict[str, str]
    simple_authorization: bool
    super_users: tuple[str, ...]

    @property
    def kafka(self) -> str:
        """What Strimzi calls the brokers together; also their certificate's common name."""
        return f"{self.name}-kafka"

    @property
    def brokers_service(self) -> str:
        """The headless Service: a name for every pod."""
        return f"{self.name}-kafka-brokers"

    @property
    def bootstrap_service(self) -> str:
        """The Service that any ready broker answers."""
        return f"{self.name}-kafka-bootstrap"

    @property
    def node_ids(self) -> list[int]:
        """All nodes."""
        return sorted(node for pool in self.pools for node in pool.node_ids)

    @property
    def controllers(self) -> list[int]:
        """Those of the metadata quorum."""
        return sorted(node for pool in self.pools if pool.controllers for node in pool.node_ids)

    def pool_of(self, node: int) -> Pool:
        """The pool that a node is of."""
        (its,) = (pool for pool in self.pools if node in pool.node_ids)
        return its

    def pod(self, node: int) -> str:
        """Name of the pod of a node."""
        return f"{self.name}-{self.pool_of(node).name}-{node}"

    def pod_host(self, node: int) -> str:
        """The host name by which nodes and clients reach a node."""
        return f"{self.pod(node)}.{self.brokers_service}.{self.namespace}.svc"

    @property
    def bootstrap_host(self) -> str:
        """The host name in status.listeners."""
        return f"{self.bootstrap_service}.{self.namespace}.svc"
