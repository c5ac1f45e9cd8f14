"""The Kafka resource and its KafkaNodePools, read into a cluster, or refused."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Iterator, Sequence
from itertools import count, islice

from . import broker_options
from .cluster import KAFKA_VERSION, METADATA_VERSION, Cluster, Listener, Pool, Storage
from .resource import Refusal, Resource, invalid, name_of, namespace_of

_TOPOLOGY = ("topology.kubernetes.io/zone", "topology.kubernetes.io/region")
_STRIMZI_VERSIONS = ("4.2.0", "4.2.1", "4.3.0", KAFKA_VERSION)

_KNOWN = {
    "Kafka.spec": {"kafka", "entityOperator"},
    "Kafka.spec.kafka": {
        "authorization",
        "config",
        "jvmOptions",
        "listeners",
        "metadataVersion",
        "rack",
        "resources",
        "version",
    },
    "Kafka.spec.kafka.authorization": {"type", "superUsers"},
    "Kafka.spec.kafka.jvmOptions": {"-Xms", "-Xmx", "-XX"},
    "Kafka.spec.kafka.rack": {"topologyKey"},
    # Where the entity operators of real Strimzi run; the stand-in is one process for all.
    "Kafka.spec.entityOperator": {"topicOperator", "userOperator"},
    "Kafka.spec.entityOperator.topicOperator": {"jvmOptions", "logging", "resources"},
    "Kafka.spec.entityOperator.userOperator": {"jvmOptions", "logging", "resources"},
    "listener": {"name", "port", "type", "tls", "authentication", "networkPolicyPeers"},
    "listener.authentication": {"type"},
    "KafkaNodePool.spec": {"jvmOptions", "replicas", "resources", "roles", "storage", "template"},
    "KafkaNodePool.spec.template": {"pod"},
    "KafkaNodePool.spec.template.pod": {"topologySpreadConstraints"},
    "KafkaNodePool.spec.jvmOptions": {"-Xms", "-Xmx", "-XX"},
    "KafkaNodePool.spec.storage.jbod": {"type", "volumes"},
    "KafkaNodePool.spec.storage.persistent-claim": {
        "class",
        "deleteClaim",
        "id",
        "kraftMetadata",
        "size",
        "type",
    },
    "KafkaNodePool.spec.storage.ephemeral": {"id", "kraftMetadata", "sizeLimit", "type"},
}


def read_cluster(kafka: Resource, pools: Sequence[Resource]) -> Cluster:
    """Check the Kafka resource and the pools that carry its label; Refusal says what is wrong."""
    spec = kafka["spec"]["kafka"]
    _refuse_unknown("Kafka.spec", kafka["spec"])
    _refuse_unknown("Kafka.spec.kafka", spec)
    _check_entity_operator(kafka["spec"].get("entityOperator") or {})
    _check_version(spec)
    _check_pools(kafka, pools)
    authorization = spec.get("authorization") or {}
    _refuse_unknown("Kafka.spec.kafka.authorization", authorization)
    if authorization and authorization.get("type") != "simple":
        raise _beyond(f"Kafka.spec.kafka.authorization.type {authorization.get('type')}")
    config = spec.get("config") or {}
    if wrong := broker_options.faults(config):
        where = f"Kafka {namespace_of(kafka)}/{name_of(kafka)}"
        raise invalid(f"{where} has invalid spec.kafka.config: {', '.join(wrong)}")
    return Cluster(
        name=name_of(kafka),
        namespace=namespace_of(kafka),
        pools=_pools(spec, pools),
        rack=_rack(spec),
        cluster_id=cluster_id(kafka, pools),
        listeners=tuple(_listener(entry) for entry in spec["listeners"]),
        config={name: broker_options.text(value) for name, value in config.items()},
        simple_authorization=bool(authorization),
        super_users=tuple(authorization.get("superUsers") or ()),
    )


def cluster_id(kafka: Resource, pools: Sequence[Resource]) -> str:
    """The cluster's id: kept in the status, and in that of its pools, whose disks bear it; at first made of the uid.

    A Kafka cluster id is 16 bytes in URL-safe base64 without padding, and so is a uid.
    """
    for each in (kafka, *pools):
        if known := each.get("status", {}).get("clusterId"):
            return str(known)
    octets = uuid.UUID(kafka["metadata"]["uid"]).bytes
    return base64.urlsafe_b64encode(octets).decode().rstrip("=")


def _check_entity_operator(entity: Resource) -> None:
    _refuse_unknown("Kafka.spec.entityOperator", entity)
    for operator in ("topicOperator", "userOperator"):
        _refuse_unknown(f"Kafka.spec.entityOperator.{operator}", entity.get(operator) or {})


def _check_version(spec: Resource) -> None:
    version = spec.get("version", KAFKA_VERSION)
    if version not in _STRIMZI_VERSIONS:
        raise Refusal(
            "UnsupportedKafkaVersionException",
            f"Unsupported Kafka.spec.kafka.version: {version}. "
            f"Supported versions are: [{', '.join(_STRIMZI_VERSIONS)}]",
        )
    if version != KAFKA_VERSION:
        raise _beyond(f"Kafka.spec.kafka.version {version} (only {KAFKA_VERSION})")
    metadata = spec.get("metadataVersion", METADATA_VERSION)
    if metadata not in {METADATA_VERSION, "4.3"}:
        raise _beyond(f"Kafka.spec.kafka.metadataVersion {metadata} (only {METADATA_VERSION})")


def _check_pools(kafka: Resource, pools: Sequence[Resource]) -> None:
    cluster = name_of(kafka)
    if not pools:
        raise Refusal("InvalidConfigurationException", f"No KafkaNodePools found for Kafka cluster {cluster}")
    for role in ("controller", "broker"):
        if not any(role in pool["spec"]["roles"] and pool["spec"]["replicas"] for pool in pools):
            raise invalid(
                f"The Kafka cluster {cluster} is invalid: [At least one KafkaNodePool with the {role} role "
                "and at least one replica is required when KRaft mode is enabled]"
            )
    before = {entry["name"] for entry in kafka.get("status", {}).get("kafkaNodePools", [])}
    names = {name_of(pool) for pool in pools}
    if before and before != names:
        raise _beyond(f"another set of pools ({', '.join(sorted(before))} to {', '.join(sorted(names))})")


def _pools(spec: Resource, resources: Sequence[Resource]) -> tuple[Pool, ...]:
    """Those of the resources, by name. A node keeps its id; a new one gets the lowest that is free."""
    resources = sorted(resources, key=name_of)
    taken = {node for one in resources for node in one.get("status", {}).get("nodeIds", ())}
    free = (node for node in count() if node not in taken)
    return tuple(_pool(spec, one, free) for one in resources)


def _pool(spec: Resource, resource: Resource, free: Iterator[int]) -> Pool:
    own = resource["spec"]
    _refuse_unknown("KafkaNodePool.spec", own)
    jvm = own.get("jvmOptions") or spec.get("jvmOptions") or {}
    _refuse_unknown("KafkaNodePool.spec.jvmOptions", jvm)
    template = own.get("template") or {}
    _refuse_unknown("KafkaNodePool.spec.template", template)
    pod = template.get("pod") or {}
    _refuse_unknown("KafkaNodePool.spec.template.pod", pod)
    known = resource.get("status", {}).get("nodeIds")
    if known and len(known) != own["replicas"]:
        raise _beyond(
            f"KafkaNodePool.spec.replicas from {len(known)} to {own['replicas']}: a change of the number of nodes"
        )
    return Pool(
        name=name_of(resource),
        node_ids=tuple(known or islice(free, own["replicas"])),
        controllers="controller" in own["roles"],
        brokers="broker" in own["roles"],
        storage=_storage(own["storage"]),
        jvm=jvm,
        resources=own.get("resources") or spec.get("resources") or {},
        spread=tuple(pod.get("topologySpreadConstraints") or ()),
    )


def _rack(spec: Resource) -> str | None:
    rack = spec.get("rack")
    if rack is None:
        return None
    _refuse_unknown("Kafka.spec.kafka.rack", rack)
    key = str(rack.get("topologyKey"))
    # Of these Kubernetes itself tells a pod what its node has; others an init container would have to look up.
    if key not in _TOPOLOGY:
        raise _beyond(f"Kafka.spec.kafka.rack.topologyKey {key} (only {' or '.join(_TOPOLOGY)})")
    return key


def _listener(entry: Resource) -> Listener:
    where = f"Kafka.spec.kafka.listeners[{entry['name']}]"
    _refuse_unknown("listener", entry, where)
    if entry["type"] != "internal":
        raise _beyond(f"{where}.type {entry['type']} (only internal)")
    authentication = entry.get("authentication") or {}
    _refuse_unknown("listener.authentication", authentication, f"{where}.authentication")
    if authentication and authentication["type"] != "scram-sha-512":
        raise _beyond(f"{where}.authentication.type {authentication['type']} (only scram-sha-512)")
    return Listener(entry["name"], entry["port"], entry["tls"], bool(authentication), entry.get("networkPolicyPeers"))


def _storage(storage: Resource) -> Storage:
    where = "KafkaNodePool.spec.storage"
    volume = "data"
    if storage["type"] == "jbod":
        _refuse_unknown(f"{where}.jbod", storage)
        if len(storage["volumes"]) != 1:
            raise _beyond(f"{where}.volumes other than one")
        storage = storage["volumes"][0]
        volume = f"data-{storage['id']}"
    if storage["type"] not in {"persistent-claim", "ephemeral"}:
        raise _beyond(f"{where}.type {storage['type']}")
    _refuse_unknown(f"{where}.{storage['type']}", storage)
    return Storage(
        volume=volume,
        size=storage.get("size"),
        storage_class=storage.get("class"),
        delete_claim=storage.get("deleteClaim", False),
    )


def _refuse_unknown(what: str, given: Resource, where: str | None = None) -> None:
    if unknown := sorted(set(given) - _KNOWN[what]):
        raise _beyond(", ".join(f"{where or what}.{field}" for field in unknown))


def _beyond(what: str) -> Refusal:
    return invalid(f"The stand-in for Strimzi does not do {what}")
