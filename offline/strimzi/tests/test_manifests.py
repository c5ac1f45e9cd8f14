"""The project's own manifests: all of it is within what the stand-in does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from strimzi_double import kube, topic, user
from strimzi_double.cluster_reader import read_cluster
from strimzi_double.objects import claims, cluster_objects
from strimzi_double.settings import Settings

HERE = Path(__file__).parent
MANIFESTS = HERE.parents[2] / "k8s" / "strimzi"
DEPLOY = HERE.parent / "deploy"
NAMESPACE = {"namespace": "mandates", "uid": "3f2b8a52-7c1e-4a53-9c0e-2d0f5a1b9c11"}


def manifests(folder: Path) -> list[dict[str, Any]]:
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
    texts = ((folder / name).read_text() for name in kustomization["resources"])
    return [item for text in texts for item in yaml.safe_load_all(text)]


def ours(kind: str, folder: Path = MANIFESTS) -> list[dict[str, Any]]:
    found = [item for item in manifests(folder) if item["kind"] == kind]
    for item in found:
        assert "namespace" not in item["metadata"]
        item["metadata"] |= NAMESPACE
    return found


def test_the_cluster_is_one_the_stand_in_makes() -> None:
    (kafka,) = ours("Kafka")
    pools = [{**pool, "metadata": {**pool["metadata"], "uid": "1"}} for pool in ours("KafkaNodePool")]
    cluster = read_cluster(kafka, pools)
    assert [cluster.pod(node) for node in cluster.node_ids] == [f"mandates-dual-role-{node}" for node in range(3)]
    assert [claim["metadata"]["name"] for claim in claims(cluster, pools)][:1] == ["data-0-mandates-dual-role-0"]
    assert cluster.super_users == ()
    assert [(door.name, door.tls, door.scram) for door in cluster.listeners] == [("tls", True, True)]
    assert cluster.config["auto.create.topics.enable"] == "false"
    assert {item["kind"] for item in cluster_objects(cluster, kafka)} <= {k for _, k in kube.PLURALS}


def test_the_topics_are_ones_the_stand_in_makes() -> None:
    made = {}
    for wanted in ours("KafkaTopic"):
        topic.check(wanted, [])
        sizes = topic.wanted_partitions(wanted), topic.wanted_replicas(wanted)
        made[wanted["metadata"]["name"]] = (*sizes, topic.wanted_config(wanted))
    mandates = {
        "cleanup.policy": "compact",
        "segment.ms": "21600000",
        "max.compaction.lag.ms": "86400000",
        "message.timestamp.type": "LogAppendTime",
        "max.message.bytes": "32768",
        "compression.type": "uncompressed",
    }
    assert made == {
        "connection-mandates-topic": (4, 2, mandates),
        "connection-mandates-dead-letter": (1, 2, {"cleanup.policy": "compact", "max.message.bytes": "2097152"}),
    }


def test_the_users_may_do_what_their_service_does() -> None:
    (kafka,) = ours("Kafka")
    allowed = {}
    for wanted in ours("KafkaUser"):
        user.check(wanted, kafka)
        allowed[wanted["metadata"]["name"]] = {
            (acl.resource_type, acl.resource_name, acl.pattern, acl.operation) for acl in user.wanted_acls(wanted)
        }
    on_topic = ("TOPIC", "connection-mandates-topic", "LITERAL")
    aside = ("TOPIC", "connection-mandates-dead-letter", "LITERAL")
    assert allowed == {
        "crm": {(*on_topic, "WRITE"), (*on_topic, "DESCRIBE")},
        "iot": {
            *((*on_topic, "READ"), (*on_topic, "DESCRIBE"), ("GROUP", "iot", "PREFIXED", "READ")),
            *((*aside, "WRITE"), (*aside, "DESCRIBE")),
        },
        "operator": {
            ("BROKER", "kafka-cluster", "LITERAL", "DESCRIBE"),
            *(("TOPIC", "*", "LITERAL", "DESCRIBE"), ("TOPIC", "*", "LITERAL", "DESCRIBE_CONFIGS")),
            *((*on_topic, "READ"), (*aside, "READ"), (*aside, "WRITE")),
            *(("GROUP", "iot", "PREFIXED", "DESCRIBE"), ("GROUP", "iot", "PREFIXED", "DELETE")),
            ("GROUP", "console-consumer-", "PREFIXED", "READ"),
        },
    }


def test_akhq_may_look_and_no_more() -> None:
    (kafka,) = ours("Kafka")
    (akhq,) = ours("KafkaUser", MANIFESTS.with_name("akhq"))
    user.check(akhq, kafka)
    seen = {(acl.resource_type, acl.resource_name, acl.operation) for acl in user.wanted_acls(akhq)}
    assert seen == {
        *(("TOPIC", "*", "READ"), ("TOPIC", "*", "DESCRIBE"), ("TOPIC", "*", "DESCRIBE_CONFIGS")),
        *(("GROUP", "*", "DESCRIBE"), ("BROKER", "kafka-cluster", "DESCRIBE")),
        ("BROKER", "kafka-cluster", "DESCRIBE_CONFIGS"),
    }


def test_the_operator_may_touch_every_kind_it_makes() -> None:
    (role,) = [item for item in manifests(DEPLOY) if item["kind"] == "ClusterRole"]
    allowed = {
        (group, plural): set(rule["verbs"])
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for plural in rule["resources"]
    }
    for (api_version, _), plural in kube.PLURALS.items():
        group = api_version.rpartition("/")[0]
        assert {"get", "patch"} <= allowed[group, plural]


def test_the_deployment_sets_only_what_there_is_to_set() -> None:
    (deployment,) = [item for item in manifests(DEPLOY) if item["kind"] == "Deployment"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    environment = {entry["name"]: entry["value"] for entry in container["env"]}
    assert Settings.from_environment(environment) == Settings()
    known = {f"STRIMZI_DOUBLE_{name.upper()}" for name in vars(Settings())} | {"LOG_LEVEL"}
    assert set(environment) <= known


def test_the_listener_is_for_those_who_have_business_there_alone() -> None:
    (kafka,) = ours("Kafka")
    made = cluster_objects(read_cluster(kafka, ours("KafkaNodePool")), kafka)
    (policy,) = [item for item in made if item["kind"] == "NetworkPolicy"]
    inner, listener = policy["spec"]["ingress"]
    assert [port["port"] for port in inner["ports"]] == [9090, 9091]
    names = {"key": "app.kubernetes.io/name", "operator": "In", "values": ["crm", "iot", "kafka-tools", "akhq"]}
    assert listener == {
        "ports": [{"port": 9093, "protocol": "TCP"}],
        "from": [{"podSelector": {"matchExpressions": [names]}}],
    }
