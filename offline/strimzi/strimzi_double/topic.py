"""A KafkaTopic: what it asks for, and what has to be done to get there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from .admin import KafkaFailure, TopicState
from .resource import (
    Refusal,
    Resource,
    cluster_of,
    generation_of,
    is_being_deleted,
    is_managed,
    name_of,
    namespace_of,
)

FINALIZER = "strimzi.io/topic-operator"
BROKER_DEFAULT = -1


def topic_name(resource: Resource) -> str:
    """The topic's name in Kafka: spec.topicName, or the resource's own."""
    return str(_spec(resource).get("topicName") or name_of(resource))


def check(resource: Resource, others: Iterable[Resource]) -> None:
    """Refuse a renamed topic, and one that an older resource of the cluster already manages."""
    named = resource.get("status", {}).get("topicName")
    if named is not None and named != topic_name(resource):
        raise not_supported("Changing spec.topicName is not supported")
    rivals = [
        other
        for other in others
        if cluster_of(other) == cluster_of(resource)
        and topic_name(other) == topic_name(resource)
        and is_managed(other)
        and not is_being_deleted(other)
    ]
    first = min([resource, *rivals], key=_age)
    if _identity(first) != _identity(resource):
        rival = f"Ref{{namespace='{namespace_of(first)}', name='{name_of(first)}'}}"
        raise Refusal("ResourceConflict", f"Managed by {rival}")


def wanted_config(resource: Resource) -> dict[str, str]:
    """spec.config as Kafka takes it; Refusal for a value that is no scalar and no list."""
    config = _spec(resource).get("config") or {}
    return {key: _config_value(key, value) for key, value in config.items()}


def wanted_partitions(resource: Resource) -> int:
    """spec.partitions, or -1 for the broker's default."""
    return int(_spec(resource).get("partitions") or BROKER_DEFAULT)


def wanted_replicas(resource: Resource) -> int:
    """spec.replicas, or -1 for the broker's default."""
    return int(_spec(resource).get("replicas") or BROKER_DEFAULT)


@dataclass(frozen=True)
class Plan:
    """What to change on a topic that exists, and what must be refused of it all the same.

    config: option -> value, None for back to the default. partitions: the new number, None
    to leave it.
    """

    config: dict[str, str | None] = field(default_factory=dict)
    partitions: int | None = None
    refusals: tuple[Refusal, ...] = ()


def plan(resource: Resource, state: TopicState) -> Plan:
    """Compare the resource with the topic: an option that has the wanted value stays as it is."""
    config = wanted_config(resource)
    changes: dict[str, str | None] = {
        key: value for key, value in config.items() if key not in state.config or state.config[key].value != value
    }
    foreign = (key for key, entry in state.config.items() if entry.own and key not in config)
    changes |= dict.fromkeys(foreign)

    refusals = []
    partitions = wanted_partitions(resource)
    if partitions != BROKER_DEFAULT and partitions < len(state.replicas):
        refusals.append(not_supported("Decreasing partitions not supported"))
    replicas = wanted_replicas(resource)
    if replicas != BROKER_DEFAULT:
        different = sorted(part for part, count in state.replicas.items() if count != replicas)
        if different:
            said = "Replication factor change not supported, but required for partitions"
            refusals.append(not_supported(f"{said} {different}"))
    return Plan(
        config=changes,
        partitions=partitions if partitions > len(state.replicas) else None,
        refusals=tuple(refusals),
    )


def not_supported(message: str) -> Refusal:
    """The refusal of what the real operator does not do either."""
    return Refusal("NotSupported", message)


def kafka_refused(failure: KafkaFailure) -> Refusal:
    """The refusal that passes on what Kafka said."""
    return Refusal("KafkaError", str(failure))


def status(resource: Resource, condition: Resource, topic_id: str | None = None) -> Resource:
    """The resource's status. An unmanaged topic has no name and id; an id once known stays."""
    before = resource.get("status", {})
    managed = is_managed(resource)
    return {
        "conditions": [condition],
        "observedGeneration": generation_of(resource),
        "topicName": (before.get("topicName") or topic_name(resource)) if managed else None,
        "topicId": (topic_id or before.get("topicId")) if managed else None,
    }


def _spec(resource: Resource) -> Resource:
    spec: Resource = resource.get("spec") or {}
    return spec


def _identity(resource: Resource) -> tuple[str, str]:
    return namespace_of(resource), name_of(resource)


def _age(resource: Resource) -> tuple[str, bool, str]:
    """Oldest first. Of two made within the same second, the one that has its topic already."""
    created = resource["metadata"].get("creationTimestamp", "")
    without_topic = resource.get("status", {}).get("topicId") is None
    return created, without_topic, name_of(resource)


def _config_value(key: str, value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ",".join(_config_value(key, item) for item in value)
    if isinstance(value, str | int | float):
        return str(value)
    raise Refusal(
        "InternalError",
        "io.strimzi.operator.common.model.InvalidResourceException: "
        f"Invalid value for topic config '{key}': {_java(value)}",
    )


def _java(value: object) -> str:
    """A value as Java prints it."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}={_java(item)}" for key, item in value.items()) + "}"
    return "null" if value is None else str(value)
