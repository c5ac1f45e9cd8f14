"""What Kafka and KafkaNodePool say of themselves."""

from __future__ import annotations

from . import VERSION
from .cluster import KAFKA_VERSION, METADATA_VERSION, Cluster, Listener
from .objects import pool_selector
from .resource import Refusal, Resource, generation_of, name_of
from .status import PAUSED, READY, condition, not_ready

_CREATING = condition("NotReady", reason="Creating", message="Kafka cluster is being deployed")

_INTERNAL = {"authentication": {"type": "strimzi-mtls"}, "encryption": {"type": "strimzi-tls"}}
"""How brokers and operators speak with each other: this there is in every cluster."""


def is_established(kafka: Resource) -> bool:
    """Whether the cluster was ready at least once: from then on it has topics and users."""
    return "operatorLastSuccessfulVersion" in kafka.get("status", {})


def creating() -> Resource:
    """The status until all nodes serve for the first time."""
    return {"conditions": [_CREATING], "observedGeneration": 0}


def paused(kafka: Resource) -> Resource:
    """The status while strimzi.io/pause-reconciliation is set."""
    observed = kafka.get("status", {}).get("observedGeneration", 0)
    return {"conditions": [PAUSED], "observedGeneration": observed}


def failed(kafka: Resource, refusal: Refusal) -> Resource:
    """The status of a Kafka that was refused."""
    return {
        "conditions": [not_ready(refusal)],
        "observedGeneration": generation_of(kafka),
    }


def ready(kafka: Resource, cluster: Cluster, ca: str) -> Resource:
    """The status once every node serves. ca: PEM of the cluster CA, told by TLS listeners."""
    return {
        "conditions": [*_warnings(cluster), READY],
        "observedGeneration": generation_of(kafka),
        "clusterId": cluster.cluster_id,
        "clusterSecurity": _INTERNAL,
        "kafkaVersion": KAFKA_VERSION,
        "kafkaMetadataVersion": METADATA_VERSION,
        "kafkaNodePools": [{"name": pool.name} for pool in cluster.pools],
        "listeners": [_listener(cluster, listener, ca) for listener in cluster.listeners],
        "operatorLastSuccessfulVersion": VERSION,
    }


def pool(resource: Resource, cluster: Cluster) -> Resource:
    """The status of one of the pools: told as soon as its nodes are wanted."""
    (its,) = (pool for pool in cluster.pools if pool.name == name_of(resource))
    roles = [role for role, has in (("controller", its.controllers), ("broker", its.brokers)) if has]
    return {
        "conditions": None,
        "observedGeneration": generation_of(resource),
        "clusterId": cluster.cluster_id,
        "nodeIds": list(its.node_ids),
        "roles": roles,
        "replicas": len(its.node_ids),
        "labelSelector": ",".join(f"{k}={v}" for k, v in pool_selector(cluster, its).items()),
    }


def _warnings(cluster: Cluster) -> list[Resource]:
    controllers = len(cluster.controllers)
    if controllers % 2:
        return []
    message = (
        f"A quorum of {controllers} controllers bears no more losses than one of {controllers - 1}: use one or three"
    )
    return [condition("Warning", reason="KafkaKRaftControllerNodeCount", message=message)]


def _listener(cluster: Cluster, listener: Listener, ca: str) -> Resource:
    host = cluster.bootstrap_host
    told: Resource = {
        "name": listener.name,
        "bootstrapServers": f"{host}:{listener.port}",
        "addresses": [{"host": host, "port": listener.port}],
    }
    if listener.tls:
        told["certificates"] = [ca]
    return told
