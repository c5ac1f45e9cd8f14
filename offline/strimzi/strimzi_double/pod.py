"""The pod of one node, and when it has to be made again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence

from .broker_config import (
    AUTHORITY_DIRECTORY,
    CONFIG_DIRECTORY,
    CONTROL_PLANE_PORT,
    DATA_DIRECTORY,
    KEYS_DIRECTORY,
    REPLICATION_PORT,
    broker_files,
)
from .cluster import Cluster, Pool, Storage
from .objects import client_ports, labels, pool_selector, selector
from .resource import Resource, is_being_deleted, name_of, owner_reference

REVISION_ANNOTATION = "strimzi.io/revision"
_KAFKA_USER = 1001
# Not the trust stores beside it, nor their password.
_CA = {"key": "ca.crt", "path": "ca.crt"}


def broker_pod(cluster: Cluster, node: int, owner: Resource, image: str, secrets: str) -> Resource:
    """The pod of a node. Its revision covers all that it only reads when it starts."""
    name, pool, authority = cluster.pod(node), cluster.pool_of(node), f"{cluster.name}-cluster-ca-cert"
    pod: Resource = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": cluster.namespace,
            "labels": {
                **labels(cluster),
                **pool_selector(cluster, pool),
                "strimzi.io/broker-role": str(pool.brokers).lower(),
                "strimzi.io/controller-role": str(pool.controllers).lower(),
                "strimzi.io/pod-name": name,
            },
            "ownerReferences": [owner_reference(owner, controller=True)],
        },
        "spec": {
            "hostname": name,
            "subdomain": cluster.brokers_service,
            "serviceAccountName": cluster.kafka,
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "restartPolicy": "Always",
            # Time to hand over leadership and to close the log.
            "terminationGracePeriodSeconds": 30,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": _KAFKA_USER,
                "fsGroup": _KAFKA_USER,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [_container(cluster, pool, image)],
            "topologySpreadConstraints": list(pool.spread),
            **_near(cluster, pool),
            "volumes": [
                _data_volume(pool.storage, name),
                {"name": "config", "configMap": {"name": name, "defaultMode": 0o555}},
                {"name": "keys", "secret": {"secretName": name, "defaultMode": 0o440}},
                {"name": "authority", "secret": {"secretName": authority, "items": [_CA], "defaultMode": 0o440}},
                {"name": "tmp", "emptyDir": {"sizeLimit": "100Mi"}},
            ],
        },
    }
    read_at_start = [pod, broker_files(cluster, node), secrets]
    digest = hashlib.sha256(json.dumps(read_at_start, sort_keys=True).encode()).hexdigest()
    pod["metadata"]["annotations"] = {REVISION_ANNOTATION: digest[:8]}
    return pod


def is_ready(pod: Resource) -> bool:
    """Whether the pod serves and is not on its way out."""
    conditions = pod.get("status", {}).get("conditions", [])
    ready = any(entry["type"] == "Ready" and entry["status"] == "True" for entry in conditions)
    return ready and not is_being_deleted(pod)


def is_current(pod: Resource, wanted: Resource) -> bool:
    """Whether the pod was made as it is wanted now."""
    annotations = pod["metadata"].get("annotations", {})
    revision = wanted["metadata"]["annotations"][REVISION_ANNOTATION]
    return bool(annotations.get(REVISION_ANNOTATION) == revision)


def next_to_replace(pods: Mapping[str, Resource], wanted: Sequence[Resource]) -> str | None:
    """The one pod to delete now, so that it comes back as wanted; None: none, or not now.

    One at a time. A pod that failed or is not ready goes first, since it serves nobody; a
    pod that serves goes only while all of them do.
    """
    stale = [
        name_of(pod)
        for pod in wanted
        if (found := pods.get(name_of(pod))) is not None
        and not is_being_deleted(found)
        and (not is_current(found, pod) or found.get("status", {}).get("phase") in _ENDED)
    ]
    idle = [name for name in stale if not is_ready(pods[name])]
    if idle:
        return idle[0]
    all_serve = len(pods) == len(wanted) and all(map(is_ready, pods.values()))
    return stale[0] if stale and all_serve else None


_ENDED = ("Failed", "Succeeded")


def _near(cluster: Cluster, pool: Pool) -> Resource:
    """Where racks are told apart, brokers run on nodes that have one, and best in different ones."""
    if cluster.rack is None or not pool.brokers:
        return {}
    exists = {"matchExpressions": [{"key": cluster.rack, "operator": "Exists"}]}
    apart = {"labelSelector": {"matchLabels": selector(cluster)}, "topologyKey": cluster.rack}
    return {
        "affinity": {
            "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [exists]}},
            "podAntiAffinity": {
                "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 100, "podAffinityTerm": apart}]
            },
        }
    }


def _data_volume(storage: Storage, pod: str) -> Resource:
    volume = storage.volume
    if storage.size is None:
        return {"name": volume, "emptyDir": {}}
    return {"name": volume, "persistentVolumeClaim": {"claimName": f"{volume}-{pod}"}}


def _container(cluster: Cluster, pool: Pool, image: str) -> Resource:
    ports = {"tcp-ctrlplane": CONTROL_PLANE_PORT} if pool.controllers else {}
    # A controller tells no client whether it is well.
    probe: Resource = {"tcpSocket": {"port": CONTROL_PLANE_PORT}, "timeoutSeconds": 5}
    if pool.brokers:
        probe = {"exec": {"command": [f"{CONFIG_DIRECTORY}/ready.sh"]}, "timeoutSeconds": 5}
        ports |= {"tcp-replication": REPLICATION_PORT, **client_ports(cluster)}
    # Of these Kubernetes copies what the node has to its pods' labels.
    rack = {"name": "RACK", "valueFrom": {"fieldRef": {"fieldPath": f"metadata.labels['{cluster.rack}']"}}}
    return {
        "name": "kafka",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": [f"{CONFIG_DIRECTORY}/start.sh"],
        "workingDir": "/opt/kafka",
        "env": [rack] if cluster.rack and pool.brokers else [],
        "ports": [
            {"name": name[:15].rstrip("-"), "containerPort": port, "protocol": "TCP"} for name, port in ports.items()
        ],
        "resources": pool.resources,
        # Looked at often while it starts, seldom afterwards.
        "startupProbe": {**probe, "periodSeconds": 2, "failureThreshold": 150},
        "readinessProbe": {**probe, "periodSeconds": 5},
        "livenessProbe": {
            "tcpSocket": {"port": CONTROL_PLANE_PORT if pool.controllers else REPLICATION_PORT},
            "periodSeconds": 10,
            "timeoutSeconds": 5,
            "failureThreshold": 6,
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {
                "name": pool.storage.volume,
                "mountPath": f"{DATA_DIRECTORY}/{pool.storage.volume}",
            },
            {"name": "config", "mountPath": CONFIG_DIRECTORY, "readOnly": True},
            {"name": "keys", "mountPath": KEYS_DIRECTORY, "readOnly": True},
            {"name": "authority", "mountPath": AUTHORITY_DIRECTORY, "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108  the pod's own emptyDir
        ],
    }
