"""Operator and brokers lost, replaced and reconfigured: nothing is forgotten, and it serves on."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from kubernetes import client

from broker import command, describe
from cluster.target import Target
from polling import poll_until
from resources import KINDS, READY, Json, Resources

BROKERS = "strimzi.io/name=mandates-kafka"
OPERATOR = ("strimzi-cluster-operator", "strimzi")
RESYNC = "STRIMZI_DOUBLE_RESYNC_SECONDS"


@pytest.fixture
def resources(custom: client.CustomObjectsApi) -> Resources:
    return Resources(custom)


def brokers(core: client.CoreV1Api) -> dict[str, client.V1Pod]:
    return {pod.metadata.name: pod for pod in core.list_namespaced_pod("default", label_selector=BROKERS).items}


def ready(pod: client.V1Pod) -> bool:
    conditions = pod.status.conditions or []
    serves = any(one.type == "Ready" and one.status == "True" for one in conditions)
    return serves and pod.metadata.deletion_timestamp is None


def is_double(api: client.ApiClient) -> bool:
    labels = client.AppsV1Api(api).read_namespaced_deployment(*OPERATOR).metadata.labels
    return bool(labels.get("app.kubernetes.io/name") == "strimzi-double")


def operator_of_topics(api: client.ApiClient, core: client.CoreV1Api) -> list[client.V1Pod]:
    """The stand-in's one pod, or the pod of Strimzi's entity operators."""
    if is_double(api):
        return list(core.list_namespaced_pod("strimzi", label_selector="app.kubernetes.io/name=strimzi-double").items)
    return list(core.list_namespaced_pod("default", label_selector="strimzi.io/name=mandates-entity-operator").items)


def rolled_out(api: client.ApiClient) -> bool:
    deployment = client.AppsV1Api(api).read_namespaced_deployment(*OPERATOR)
    status = deployment.status
    return bool(
        status.observed_generation == deployment.metadata.generation
        and status.replicas == status.updated_replicas == status.available_replicas == 1
    )


def everything(resources: Resources) -> dict[str, Json]:
    """Spec and status of each resource of the project."""
    listed = {
        f"{kind} {item['metadata']['name']}": item
        for kind, plural in KINDS.items()
        for item in resources.api.list_namespaced_custom_object("kafka.strimzi.io", "v1", "default", plural)["items"]
    }
    return {
        name: {"spec": item["spec"], "status": item.get("status"), "uid": item["metadata"]["uid"]}
        for name, item in listed.items()
        if " e2e-" not in name
    }


def test_what_changes_while_the_operator_is_dead_is_done_when_it_is_back(
    target: Target, api: client.ApiClient, core: client.CoreV1Api, resources: Resources
) -> None:
    before = everything(resources)
    pods = {name: pod.metadata.uid for name, pod in brokers(core).items()}
    with resources.made("KafkaTopic", "e2e-meanwhile", {"partitions": 1, "replicas": 1}) as name:
        assert resources.observed("KafkaTopic", name, 5) == READY
        (killed,) = operator_of_topics(api, core)
        core.delete_namespaced_pod(killed.metadata.name, killed.metadata.namespace, grace_period_seconds=0)
        resources.change("KafkaTopic", name, {"partitions": 2})

        assert resources.observed("KafkaTopic", name, 60) == READY
        assert killed.metadata.uid not in [pod.metadata.uid for pod in operator_of_topics(api, core)]
        topic = describe(target, name)
        assert topic
        assert len(topic.replicas) == 2
    assert everything(resources) == before
    assert {name: pod.metadata.uid for name, pod in brokers(core).items()} == pods


@contextmanager
def resync_every(api: client.ApiClient, target: Target, seconds: int) -> Iterator[None]:
    """Shorten the stand-in's interval between two passes for the length of a block."""
    apps = client.AppsV1Api(api)
    (container,) = apps.read_namespaced_deployment(*OPERATOR).spec.template.spec.containers
    usual = next(one.value for one in container.env if one.name == RESYNC)
    for value in (str(seconds), usual):
        target.kubectl("--namespace=strimzi", "set", "env", f"deployment/{OPERATOR[0]}", f"{RESYNC}={value}")
        poll_until(lambda: rolled_out(api), "the operator is rolled out", seconds=60)
        if value != usual:
            yield


def test_what_is_changed_by_hand_in_kafka_is_put_back(
    target: Target, api: client.ApiClient, resources: Resources
) -> None:
    if not is_double(api):
        pytest.skip("real Strimzi looks every 120 s; only the stand-in's interval can be shortened")
    spec = {"partitions": 1, "replicas": 1, "config": {"segment.ms": 60000}}
    with resources.made("KafkaTopic", "e2e-by-hand", spec) as name, resync_every(api, target, 2):
        assert resources.observed("KafkaTopic", name, 5) == READY
        by_hand = ("--add-config", "segment.ms=70000,retention.ms=80000")
        said = command(target, "kafka-configs.sh", "--alter", "--topic", name, *by_hand)
        assert said.code == 0, said

        def look() -> bool:
            topic = describe(target, name)
            assert topic
            return topic.config.get("segment.ms") == "60000" and "retention.ms" not in topic.config

        poll_until(look, "the options are as the resource says", seconds=10)
        assert command(target, "kafka-topics.sh", "--delete", "--topic", name).code == 0
        poll_until(lambda: describe(target, name), "the topic is back", seconds=10)


@pytest.mark.last
def test_a_broker_that_is_lost_comes_back_with_its_data(
    target: Target, core: client.CoreV1Api, resources: Resources
) -> None:
    # One replica: what is read afterwards can only come from the disk of the lost pod.
    with resources.made("KafkaTopic", "e2e-lost", {"partitions": 1, "replicas": 1}) as name:
        assert resources.observed("KafkaTopic", name, 5) == READY
        topic = describe(target, name)
        assert topic
        ((node,),) = topic.replicas
        lost = f"mandates-dual-role-{node}"
        said = command(target, "kafka-console-producer.sh", "--topic", name, "--sync", stdin="kept\n")
        assert said.code == 0, said

        uid = brokers(core)[lost].metadata.uid
        core.delete_namespaced_pod(lost, "default", grace_period_seconds=0)
        poll_until(
            lambda: (pod := brokers(core).get(lost)) and pod.metadata.uid != uid and ready(pod),
            f"{lost} is back",
            seconds=60,
        )
        words = ("--topic", name, "--from-beginning", "--max-messages", "1", "--timeout-ms", "15000")
        assert command(target, "kafka-console-consumer.sh", *words).text.split() == ["kept"]
        assert resources.observed("Kafka", "mandates", 10) == READY


def roll(core: client.CoreV1Api, resources: Resources, config: Json) -> None:
    """Change a broker option that is only read at the start, and watch the pods until all are new."""
    old = {pod.metadata.uid for pod in brokers(core).values()}
    resources.change("Kafka", "mandates", {"kafka": {"config": config}})
    generation = (resources.get("Kafka", "mandates") or {})["metadata"]["generation"]
    until = time.monotonic() + 120
    most = 0

    def look() -> bool:
        nonlocal most
        serving = {name: pod for name, pod in brokers(core).items() if ready(pod)}
        most = max(most, 3 - len(serving))
        new = all(pod.metadata.uid not in old for pod in serving.values())
        return new and resources.status("Kafka", "mandates")["observedGeneration"] == generation

    poll_until(look, "all pods are new", seconds=until - time.monotonic(), every=0.05)
    assert most == 1
    assert resources.observed("Kafka", "mandates", 10) == READY


@pytest.mark.last
def test_brokers_are_replaced_one_at_a_time(core: client.CoreV1Api, resources: Resources) -> None:
    option = "group.initial.rebalance.delay.ms"
    before = (resources.get("Kafka", "mandates") or {})["spec"]["kafka"]["config"][option]
    try:
        roll(core, resources, {option: 1})
    finally:
        roll(core, resources, {option: before})
