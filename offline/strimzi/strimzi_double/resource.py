"""Custom resources as they come from Kubernetes, and the questions asked of all of them."""

from __future__ import annotations

from typing import Any

Resource = dict[str, Any]
"""A Kubernetes object, as decoded JSON."""

API_VERSION = "kafka.strimzi.io/v1"
CLUSTER_LABEL = "strimzi.io/cluster"
KIND_LABEL = "strimzi.io/kind"
PAUSE_ANNOTATION = "strimzi.io/pause-reconciliation"
MANAGED_ANNOTATION = "strimzi.io/managed"


class Refusal(Exception):  # noqa: N818  an answer, not a fault
    """What the operator does not do, said in the resource's status.

    reason: real Strimzi's reason name (CamelCase). message: what was wrong, where.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


def invalid(message: str) -> Refusal:
    """The refusal real Strimzi uses for a resource whose content is wrong."""
    return Refusal("InvalidResourceException", message)


def name_of(resource: Resource) -> str:
    """metadata.name."""
    return str(resource["metadata"]["name"])


def namespace_of(resource: Resource) -> str:
    """metadata.namespace."""
    return str(resource["metadata"]["namespace"])


def generation_of(resource: Resource) -> int:
    """metadata.generation: grows with every change of the spec."""
    return int(resource["metadata"].get("generation", 0))


def cluster_of(resource: Resource) -> str | None:
    """The Kafka cluster a resource says it belongs to, None without the label."""
    label = resource["metadata"].get("labels", {}).get(CLUSTER_LABEL)
    return str(label) if label else None


def is_paused(resource: Resource) -> bool:
    """Whether the resource asks to be left alone for now."""
    return annotation(resource, PAUSE_ANNOTATION) == "true"


def is_managed(resource: Resource) -> bool:
    """Whether the operator may touch the topic; only KafkaTopic can say no."""
    return annotation(resource, MANAGED_ANNOTATION) != "false"


def is_being_deleted(resource: Resource) -> bool:
    """Whether somebody deleted it and a finalizer still holds it."""
    return "deletionTimestamp" in resource["metadata"]


def owner_reference(owner: Resource, *, controller: bool = False) -> Resource:
    """The entry of metadata.ownerReferences that deletes an object with its owner."""
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": name_of(owner),
        "uid": owner["metadata"]["uid"],
        "controller": controller,
        "blockOwnerDeletion": False,
    }


def is_owned_by(resource: Resource, owner: Resource) -> bool:
    """Whether Kubernetes will delete the resource with this very owner, not one of its name."""
    references = resource["metadata"].get("ownerReferences", [])
    return any(entry["uid"] == owner["metadata"]["uid"] for entry in references)


def annotation(resource: Resource, name: str) -> str | None:
    """The value of an annotation as text, None where there is none."""
    value = resource["metadata"].get("annotations", {}).get(name)
    return None if value is None else str(value)
