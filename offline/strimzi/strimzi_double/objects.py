"""The Kubernetes objects of a cluster, apart from its pods and Secrets."""

from __future__ import annotations

from collections.abc import Sequence

from . import VERSION
from .broker_config import CONTROL_PLANE_PORT, PROBE_PORT, REPLICATION_PORT, broker_files
from .cluster import Cluster, Pool
from .resource import CLUSTER_LABEL, KIND_LABEL, Resource, name_of, owner_reference

# Strimzi's names for the ports of the two listeners nearly everyone has.
_CLIENT_PORTS = {9092: "tcp-clients", 9093: "tcp-clientstls"}


def labels(cluster: Cluster) -> dict[str, str]:
    """What every object of the brokers carries."""
    return {
        "app.kubernetes.io/name": "kafka",
        "app.kubernetes.io/instance": cluster.name,
        "app.kubernetes.io/managed-by": "strimzi-cluster-operator",
        "app.kubernetes.io/part-of": f"strimzi-{cluster.name}",
        "strimzi.io/component-type": "kafka",
        **selector(cluster),
    }


def selector(cluster: Cluster) -> dict[str, str]:
    """What finds the cluster's broker pods."""
    return {CLUSTER_LABEL: cluster.name, KIND_LABEL: "Kafka", "strimzi.io/name": cluster.kafka}


def pool_selector(cluster: Cluster, pool: Pool) -> dict[str, str]:
    """What finds the pods of a pool."""
    return {**selector(cluster), "strimzi.io/pool-name": pool.name}


def cluster_objects(cluster: Cluster, owner: Resource) -> list[Resource]:
    """Everything to apply before the pods; idempotent, owned by the Kafka resource."""
    return [
        _object("v1", "ServiceAccount", cluster.kafka, cluster, owner),
        _bootstrap_service(cluster, owner),
        _brokers_service(cluster, owner),
        _network_policy(cluster, owner),
        _disruption_budget(cluster, owner),
        *(
            {
                **_object("v1", "ConfigMap", cluster.pod(node), cluster, owner),
                "data": broker_files(cluster, node),
            }
            for node in cluster.node_ids
        ),
    ]


def claims(cluster: Cluster, pools: Sequence[Resource]) -> list[Resource]:
    """The PersistentVolumeClaims, made once; only with deleteClaim they go with their pool."""
    owners = {name_of(pool): pool for pool in pools}
    made = []
    for node in cluster.node_ids:
        pool = cluster.pool_of(node)
        storage = pool.storage
        if storage.size is None:
            continue
        spec: Resource = {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": storage.size}},
        }
        if storage.storage_class is not None:
            spec["storageClassName"] = storage.storage_class
        name = f"{storage.volume}-{cluster.pod(node)}"
        claim = _object("v1", "PersistentVolumeClaim", name, cluster, owners[pool.name])
        if not storage.delete_claim:
            del claim["metadata"]["ownerReferences"]
        made.append({**claim, "spec": spec})
    return made


def _object(api_version: str, kind: str, name: str, cluster: Cluster, owner: Resource) -> Resource:
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {
            "name": name,
            "namespace": cluster.namespace,
            "labels": labels(cluster),
            "annotations": {"strimzi.io/test-double": f"stands in for Strimzi {VERSION}"},
            "ownerReferences": [owner_reference(owner)],
        },
    }


def _port(name: str, number: int) -> Resource:
    return {"name": name, "port": number, "targetPort": number, "protocol": "TCP"}


def client_ports(cluster: Cluster) -> dict[str, int]:
    """The ports of the listeners by the names that Services and pods give them."""
    return {_CLIENT_PORTS.get(one.port, f"tcp-{one.name}"): one.port for one in cluster.listeners}


def _client_ports(cluster: Cluster) -> list[Resource]:
    return [_port(name, number) for name, number in client_ports(cluster).items()]


def _bootstrap_service(cluster: Cluster, owner: Resource) -> Resource:
    return {
        **_object("v1", "Service", cluster.bootstrap_service, cluster, owner),
        "spec": {
            "type": "ClusterIP",
            "selector": {**selector(cluster), "strimzi.io/broker-role": "true"},
            "ports": [_port("tcp-replication", REPLICATION_PORT), *_client_ports(cluster)],
        },
    }


def _brokers_service(cluster: Cluster, owner: Resource) -> Resource:
    return {
        **_object("v1", "Service", cluster.brokers_service, cluster, owner),
        "spec": {
            "type": "ClusterIP",
            "clusterIP": "None",
            "selector": selector(cluster),
            # The nodes must find each other before any of them can be ready.
            "publishNotReadyAddresses": True,
            "ports": [
                _port("tcp-ctrlplane", CONTROL_PLANE_PORT),
                _port("tcp-replication", REPLICATION_PORT),
                _port("tcp-kafkaagent", PROBE_PORT),
                *_client_ports(cluster),
            ],
        },
    }


def _network_policy(cluster: Cluster, owner: Resource) -> Resource:
    """The nodes and the operator reach the inner ports, whom they name, or everyone, the listeners."""
    insiders = [
        {"podSelector": {"matchLabels": selector(cluster)}},
        {
            "podSelector": {"matchLabels": {KIND_LABEL: "cluster-operator"}},
            "namespaceSelector": {},
        },
    ]
    inner = [{"port": port, "protocol": "TCP"} for port in (CONTROL_PLANE_PORT, REPLICATION_PORT)]
    outer = [
        {"ports": [{"port": entry.port, "protocol": "TCP"}]} | ({} if entry.peers is None else {"from": entry.peers})
        for entry in cluster.listeners
    ]
    name = f"{cluster.name}-network-policy-kafka"
    return {
        **_object("networking.k8s.io/v1", "NetworkPolicy", name, cluster, owner),
        "spec": {
            "podSelector": {"matchLabels": selector(cluster)},
            "policyTypes": ["Ingress"],
            "ingress": [{"from": insiders, "ports": inner}, *outer],
        },
    }


def _disruption_budget(cluster: Cluster, owner: Resource) -> Resource:
    return {
        **_object("policy/v1", "PodDisruptionBudget", cluster.kafka, cluster, owner),
        "spec": {
            # Pods without a workload of a known kind: only an absolute minimum counts for them.
            "minAvailable": len(cluster.node_ids) - 1,
            "selector": {"matchLabels": selector(cluster)},
        },
    }
