"""A KafkaUser: its Secret and its ACLs."""

from __future__ import annotations

from collections.abc import Mapping

from .admin import Acl
from .authority import decoded, random_password, secret
from .resource import (
    CLUSTER_LABEL,
    KIND_LABEL,
    Refusal,
    Resource,
    cluster_of,
    generation_of,
    invalid,
    name_of,
    namespace_of,
)

_PASSWORD_LENGTH = 32
_KNOWN_FIELDS = {"authentication", "authorization"}
# Strimzi's spelling -> Kafka's, where the difference is more than the case.
_KAFKA_NAMES = {
    "transactionalId": "TRANSACTIONAL_ID",
    "prefix": "PREFIXED",
    "cluster": "BROKER",  # librdkafka's name for the cluster resource
    "AlterConfigs": "ALTER_CONFIGS",
    "DescribeConfigs": "DESCRIBE_CONFIGS",
    "ClusterAction": "CLUSTER_ACTION",
    "IdempotentWrite": "IDEMPOTENT_WRITE",
}


def check(resource: Resource, kafka: Resource) -> None:
    """Refuse what is not done for users, and ACLs in a cluster that would not obey them."""
    spec = _spec(resource)
    if unknown := sorted(set(spec) - _KNOWN_FIELDS):
        fields = ", ".join(f"KafkaUser.spec.{field}" for field in unknown)
        raise invalid(f"The stand-in for Strimzi does not do {fields}")
    kind = (spec.get("authentication") or {}).get("type")
    if kind != "scram-sha-512":
        said = f"KafkaUser.spec.authentication.type {kind} (only scram-sha-512)"
        raise invalid(f"The stand-in for Strimzi does not do {said}")
    if spec.get("authorization") and not kafka["spec"]["kafka"].get("authorization"):
        raise invalid(
            f"KafkaUser.spec.authorization asks for ACLs, but Kafka {name_of(kafka)} has no spec.kafka.authorization"
        )


def password_reference(resource: Resource) -> tuple[str, str] | None:
    """(Secret, key) the password comes from; None: the operator makes one."""
    password = (_spec(resource).get("authentication") or {}).get("password")
    if not password:
        return None
    reference = password["valueFrom"]["secretKeyRef"]
    return reference["name"], reference["key"]


def referred_password(resource: Resource, source: Resource | None) -> str:
    """The password out of the Secret that the resource refers to; Refusal without it."""
    reference = password_reference(resource)
    assert reference is not None  # noqa: S101  the caller asks only for users with a reference
    name, key = reference
    where = f"Password of KafkaUser {name_of(resource)}: Secret {name} in namespace"
    if source is None:
        # Found out in a task of Strimzi's, whose failure it tells.
        raise Refusal("ExecutionException", f"{where} {namespace_of(resource)} not found")
    password = decoded(source, key)
    if not password:
        raise invalid(f"{where} {namespace_of(resource)} has no key {key}")
    return password


def kept_or_new_password(existing: Resource | None) -> str:
    """The password in the user's Secret, or a new one of 32 letters and digits."""
    return decoded(existing or {}, "password") or random_password(_PASSWORD_LENGTH)


def user_secret(resource: Resource, password: str) -> Resource:
    """The Secret named as the user, owned by it."""
    name = name_of(resource)
    module = "org.apache.kafka.common.security.scram.ScramLoginModule"
    jaas = f'{module} required username="{name}" password="{password}";'
    cluster = str(cluster_of(resource))
    labels = {
        "app.kubernetes.io/name": "strimzi-user-operator",
        "app.kubernetes.io/instance": name,
        "app.kubernetes.io/managed-by": "strimzi-user-operator",
        "app.kubernetes.io/part-of": f"strimzi-{name}",
        CLUSTER_LABEL: cluster,
        KIND_LABEL: "KafkaUser",
    }
    data = {"password": password, "sasl.jaas.config": jaas}
    return secret(name, namespace_of(resource), data, labels, resource)


def wanted_acls(resource: Resource) -> set[Acl]:
    """One ACL for each operation of each entry of spec.authorization.acls."""
    entries = (_spec(resource).get("authorization") or {}).get("acls") or []
    return {_acl(entry, operation) for entry in entries for operation in entry.get("operations", [])}


def status(resource: Resource, condition: Resource) -> Resource:
    """The status of a user that is as wanted."""
    name = name_of(resource)
    return {
        "conditions": [condition],
        "observedGeneration": generation_of(resource),
        "username": name,
        "secret": name,
    }


def _acl(entry: Resource, operation: str) -> Acl:
    target = entry["resource"]
    name = "kafka-cluster" if target["type"] == "cluster" else target.get("name", "*")
    return Acl(
        resource_type=_kafka_name(target["type"]),
        resource_name=name,
        pattern=_kafka_name(target.get("patternType", "literal")),
        host=entry.get("host", "*"),
        operation=_kafka_name(operation),
        permission=_kafka_name(entry.get("type", "allow")),
    )


def _kafka_name(name: str) -> str:
    return _KAFKA_NAMES.get(name, name.upper())


def _spec(resource: Resource) -> Mapping[str, Resource]:
    spec: Mapping[str, Resource] = resource.get("spec") or {}
    return spec
