"""Kafka as its resources declare it: what they say of themselves, what Kafka does, who may do what."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from kubernetes import client

from cluster.target import NAMESPACE, Target
from kafkatools import ask, settings_of
from polling import poll_until

TOPIC = "connection-mandates-topic"
BROKER = "mandates-dual-role-0"
TRIAL = "trial-topic"
Resource = dict[str, Any]


def resource(custom: client.CustomObjectsApi, plural: str, name: str) -> Resource:
    found: Resource = custom.get_namespaced_custom_object("kafka.strimzi.io", "v1", NAMESPACE, plural, name)
    return found


def ready(found: Resource) -> bool:
    conditions = found.get("status", {}).get("conditions", [])
    seen = {one["type"]: one["status"] for one in conditions}
    return seen.get("Ready") == "True" and found["status"]["observedGeneration"] == found["metadata"]["generation"]


def described(target: Target, topic: str) -> str:
    return ask(target, f"kafka-topics.sh --describe --topic {topic}").partition("\n")[0]


@contextmanager
def trial_topic(custom: client.CustomObjectsApi, spec: Resource) -> Iterator[Callable[[Resource], None]]:
    """A topic of the test's own for the length of a block; yields what changes its spec."""
    where = ("kafka.strimzi.io", "v1", NAMESPACE, "kafkatopics")
    metadata = {"name": TRIAL, "labels": {"strimzi.io/cluster": "mandates"}}
    body = {"apiVersion": "kafka.strimzi.io/v1", "kind": "KafkaTopic", "metadata": metadata, "spec": spec}
    custom.create_namespaced_custom_object(*where, body)
    try:
        poll_until(lambda: ready(resource(custom, "kafkatopics", TRIAL)), "the new topic is Ready", seconds=5)
        yield lambda change: custom.patch_namespaced_custom_object(*where, TRIAL, {"spec": change})
    finally:
        custom.delete_namespaced_custom_object(*where, TRIAL)
        poll_until(lambda: TRIAL not in names(custom), "the finalizer lets the resource go", seconds=10)


def names(custom: client.CustomObjectsApi) -> set[str]:
    listed = custom.list_namespaced_custom_object("kafka.strimzi.io", "v1", NAMESPACE, "kafkatopics")
    return {one["metadata"]["name"] for one in listed["items"]}


@pytest.mark.parametrize(
    ("plural", "name"),
    [
        ("kafkas", "mandates"),
        ("kafkatopics", TOPIC),
        ("kafkatopics", "connection-mandates-dead-letter"),
        ("kafkausers", "crm"),
        ("kafkausers", "iot"),
        ("kafkausers", "operator"),
    ],
)
def test_what_is_declared_is_ready(custom: client.CustomObjectsApi, plural: str, name: str) -> None:
    assert ready(resource(custom, plural, name))


def test_kafka_and_its_pool_say_where_they_are(custom: client.CustomObjectsApi, core: client.CoreV1Api) -> None:
    status = resource(custom, "kafkas", "mandates")["status"]
    assert status["kafkaVersion"] == "4.3.1"
    listeners = {one["name"]: one["bootstrapServers"] for one in status["listeners"]}
    assert listeners == {"tls": f"mandates-kafka-bootstrap.{NAMESPACE}.svc:9093"}
    pool = resource(custom, "kafkanodepools", "dual-role")["status"]
    assert pool["nodeIds"] == [0, 1, 2]
    assert pool["clusterId"] == status["clusterId"]
    pods = core.list_namespaced_pod(NAMESPACE, label_selector="strimzi.io/cluster=mandates,strimzi.io/kind=Kafka").items
    assert {pod.metadata.name for pod in pods} >= {f"mandates-dual-role-{number}" for number in pool["nodeIds"]}


def test_kafka_has_the_topic_as_it_is_declared(target: Target) -> None:
    line = described(target, TOPIC)
    assert "PartitionCount: 4" in line
    assert "ReplicationFactor: 2" in line
    assert "cleanup.policy=compact" in line


def test_a_changed_topic_is_changed_in_kafka_within_two_seconds(
    target: Target, custom: client.CustomObjectsApi
) -> None:
    with trial_topic(custom, {"partitions": 2, "replicas": 2, "config": {"retention.ms": 60000}}) as change:
        changed = time.monotonic()
        change({"partitions": 3, "config": {"retention.ms": 70000}})
        poll_until(lambda: ready(resource(custom, "kafkatopics", TRIAL)), "the change is observed", seconds=2)
        assert time.monotonic() - changed < 2
        line = described(target, TRIAL)
        assert "PartitionCount: 3" in line
        assert "retention.ms=70000" in line
    assert "PartitionCount" not in described(target, TRIAL)


def test_what_kafka_cannot_do_is_refused_in_the_resource_s_status(custom: client.CustomObjectsApi) -> None:
    with trial_topic(custom, {"partitions": 2, "replicas": 2}) as change:
        change({"partitions": 1})

        def refusal() -> Resource | None:
            conditions: list[Resource] = resource(custom, "kafkatopics", TRIAL)["status"]["conditions"]
            return next((one for one in conditions if one["type"] == "Ready" and one["status"] == "False"), None)

        seen = poll_until(refusal, "fewer partitions are refused", seconds=5)
        assert seen is not None
        assert (seen["reason"], seen["message"]) == ("NotSupported", "Decreasing partitions not supported")


def test_the_operator_catches_up_after_its_own_restart(
    target: Target, custom: client.CustomObjectsApi, core: client.CoreV1Api
) -> None:
    with trial_topic(custom, {"partitions": 2, "replicas": 2}) as change:
        operator = core.list_namespaced_pod("strimzi").items[0].metadata.name
        core.delete_namespaced_pod(operator, "strimzi", grace_period_seconds=0)
        change({"partitions": 4})
        poll_until(lambda: ready(resource(custom, "kafkatopics", TRIAL)), "the change is observed", seconds=60)
        assert "PartitionCount: 4" in described(target, TRIAL)


def test_each_user_may_do_its_own_part_and_no_more(target: Target) -> None:
    crm, iot, operator = (settings_of(target, user) for user in ("crm", "iot", "operator"))
    # As Dapr writes: without idempotence, which would be another right to ask for.
    write = (
        f"kafka-console-producer.sh --topic {TOPIC} --sync --command-property enable.idempotence=false --command-config"
    )
    read = f"kafka-console-consumer.sh --topic {TOPIC} --from-beginning --timeout-ms 8000 --max-messages 1"
    for settings in (iot, operator):
        assert "TopicAuthorizationException" in ask(target, f"{write} {settings}", "x\n")
    assert "connectionMandate" in ask(target, f"{read} --group iot-trial --command-config {iot}")
    refused = ask(target, f"{read} --group iot-trial --command-config {crm}")
    assert "AuthorizationException" in refused
    assert "connectionMandate" not in refused
    assert "connectionMandate" in ask(target, read)


def test_a_killed_broker_comes_back_with_its_data(
    target: Target, custom: client.CustomObjectsApi, core: client.CoreV1Api
) -> None:
    before = core.read_namespaced_pod(BROKER, NAMESPACE).metadata.uid
    core.delete_namespaced_pod(BROKER, NAMESPACE, grace_period_seconds=0)

    def back() -> bool:
        try:
            pod = core.read_namespaced_pod(BROKER, NAMESPACE)
        except client.ApiException:
            return False
        conditions = {one.type: one.status for one in pod.status.conditions or []}
        return pod.metadata.uid != before and conditions.get("Ready") == "True"

    poll_until(back, "the broker is back", seconds=90)
    poll_until(lambda: ready(resource(custom, "kafkas", "mandates")), "Kafka is Ready", seconds=60)
    whole = "kafka-topics.sh --describe --under-replicated-partitions"
    poll_until(lambda: not ask(target, whole).strip(), "all replicas are in sync", seconds=60, every=1)
