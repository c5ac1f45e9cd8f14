"""Kafka and KafkaNodePool: what is read, and what is refused in whose words."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from strimzi_double.cluster_reader import read_cluster
from strimzi_double.resource import Refusal

from .resources import kafka, pool

LISTENER = {"name": "x", "port": 9094, "type": "internal", "tls": True}


def refusal(its_kafka: dict[str, Any], *pools: dict[str, Any]) -> Refusal:
    with pytest.raises(Refusal) as caught:
        read_cluster(its_kafka, pools)
    return caught.value


def test_a_version_strimzi_does_not_know() -> None:
    refused = refusal(kafka(version="3.9.0"), pool())
    assert refused.reason == "UnsupportedKafkaVersionException"
    assert refused.message == (
        "Unsupported Kafka.spec.kafka.version: 3.9.0. Supported versions are: [4.2.0, 4.2.1, 4.3.0, 4.3.1]"
    )


def test_no_pools() -> None:
    refused = refusal(kafka())
    assert refused.reason == "InvalidConfigurationException"
    assert refused.message == "No KafkaNodePools found for Kafka cluster c"


@pytest.mark.parametrize(
    ("option", "value", "fault"),
    [
        ("num.partitions", "abc", "'abc' which is not an int"),
        ("num.partitions", 2**31, "'2147483648' which is not an int"),
        ("num.partitions", True, "'true' which is not an int"),
        ("num.partitions", 0, "0 which less than the minimum value 1"),
        ("log.retention.ms", "x", "'x' which is not a long"),
        ("log.cleaner.min.cleanable.ratio", 2, "2 which greater than the maximum value 1"),
        ("default.replication.factor", "1.5", "'1.5' which is not an int"),
        ("offsets.topic.replication.factor", 40000, "'40000' which is not a short"),
        ("auto.create.topics.enable", "yes", "'yes' which is not a boolean"),
        (
            "log.message.timestamp.type",
            "Never",
            "'Never' which is not one of the allowed options: [CreateTime, LogAppendTime]",
        ),
    ],
)
def test_a_config_value_of_the_wrong_kind(option: str, value: object, fault: str) -> None:
    refused = refusal(kafka(config={option: value}), pool())
    assert refused.reason == "InvalidResourceException"
    message = f"Kafka ns/c has invalid spec.kafka.config: {option} has value {fault}"
    assert refused.message == message


def test_config_values_are_spelled_as_properties() -> None:
    config = {"auto.create.topics.enable": False, "num.partitions": 3, "unknown.option": "as is"}
    assert read_cluster(kafka(config=config), [pool()]).config == {
        "auto.create.topics.enable": "false",
        "num.partitions": "3",
        "unknown.option": "as is",
    }


@pytest.mark.parametrize(
    ("broker", "named"),
    [
        ({"version": "4.2.0"}, "Kafka.spec.kafka.version 4.2.0"),
        ({"metadataVersion": "4.2-IV0"}, "Kafka.spec.kafka.metadataVersion 4.2-IV0"),
        ({"tieredStorage": {}}, "Kafka.spec.kafka.tieredStorage"),
        ({"rack": {"topologyKey": "disk"}}, "Kafka.spec.kafka.rack.topologyKey disk"),
        ({"authorization": {"type": "custom"}}, "Kafka.spec.kafka.authorization.type custom"),
        ({"config": {"listeners": "x"}}, "listeners is set by the operator"),
        ({"listeners": [{**LISTENER, "type": "route"}]}, "listeners[x].type route"),
        ({"listeners": [{**LISTENER, "configuration": {}}]}, "listeners[x].configuration"),
        (
            {"listeners": [{**LISTENER, "authentication": {"type": "tls"}}]},
            "listeners[x].authentication.type tls",
        ),
    ],
)
def test_what_the_stand_in_does_not_do_is_named(broker: dict[str, Any], named: str) -> None:
    refused = refusal(kafka(**broker), pool())
    assert refused.reason == "InvalidResourceException"
    assert named in refused.message


@pytest.mark.parametrize("part", ["cruiseControl", "kafkaExporter", "clusterCa", "maintenanceTimeWindows"])
def test_parts_of_kafka_beyond_the_brokers_are_named(part: str) -> None:
    its_kafka = kafka()
    its_kafka["spec"][part] = {}
    assert f"Kafka.spec.{part}" in refusal(its_kafka, pool()).message


def test_entity_operator_settings_without_effect_are_named() -> None:
    its_kafka = kafka()
    its_kafka["spec"]["entityOperator"]["topicOperator"] = {"watchedNamespace": "other"}
    message = refusal(its_kafka, pool()).message
    assert "Kafka.spec.entityOperator.topicOperator.watchedNamespace" in message


@pytest.mark.parametrize(
    ("spec", "named"),
    [
        ({"template": {"kafkaContainer": {}}}, "KafkaNodePool.spec.template.kafkaContainer"),
        ({"template": {"pod": {"affinity": {}}}}, "KafkaNodePool.spec.template.pod.affinity"),
        ({"storage": {"type": "jbod", "volumes": []}}, "storage.volumes other than one"),
        (
            {"storage": {"type": "persistent-claim", "size": "1Gi", "selector": {}}},
            "storage.persistent-claim.selector",
        ),
    ],
)
def test_pools_beyond_the_stand_in_are_named(spec: dict[str, Any], named: str) -> None:
    assert named in refusal(kafka(), pool(**spec)).message


def test_controllers_and_brokers_apart_are_numbered_through_and_keep_their_numbers() -> None:
    """The lowest that are free, pool by pool in the order of their names: as Strimzi does it."""
    pools = [pool("controller", roles=["controller"]), pool("broker", roles=["broker"], replicas=4)]
    cluster = read_cluster(kafka(), pools)
    assert [cluster.pod(node) for node in cluster.node_ids] == [
        *(f"c-broker-{node}" for node in range(4)),
        *(f"c-controller-{node}" for node in range(4, 7)),
    ]
    assert cluster.controllers == [4, 5, 6]
    pools[0]["status"] = {"nodeIds": [0, 1, 2]}
    cluster = read_cluster(kafka(), pools)
    assert cluster.controllers == [0, 1, 2]
    assert [node for node in cluster.node_ids if cluster.pool_of(node).brokers] == [3, 4, 5, 6]


@pytest.mark.parametrize(("there", "lacks"), [("broker", "controller"), ("controller", "broker")])
def test_a_cluster_has_nodes_of_both_roles(there: str, lacks: str) -> None:
    refused = refusal(kafka(), pool(roles=[there]), pool("q", roles=[lacks], replicas=0))
    assert refused.reason == "InvalidResourceException"
    assert refused.message == (
        f"The Kafka cluster c is invalid: [At least one KafkaNodePool with the {lacks} role and at least one replica "
        "is required when KRaft mode is enabled]"
    )


def test_pools_do_not_come_and_go() -> None:
    standing = {**kafka(), "status": {"kafkaNodePools": [{"name": "p"}]}}
    assert "another set of pools (p to p, q)" in refusal(standing, pool(), pool("q")).message
    assert read_cluster(standing, [pool()]).pools[0].name == "p"


def test_the_number_of_nodes_stays() -> None:
    standing = {**pool(replicas=4), "status": {"nodeIds": [0, 1, 2]}}
    assert "replicas from 3 to 4" in refusal(kafka(), standing).message


def test_the_cluster_id_is_made_once_and_kept() -> None:
    its_kafka = kafka()
    first = read_cluster(its_kafka, [pool()]).cluster_id
    assert len(first) == 22
    recreated = copy.deepcopy(its_kafka)
    recreated["metadata"]["uid"] = "99999999-7c1e-4a53-9c0e-000000000000"
    assert read_cluster(recreated, [pool()]).cluster_id != first
    recreated["status"] = {"clusterId": first}
    assert read_cluster(recreated, [pool()]).cluster_id == first


@pytest.mark.parametrize(
    ("storage", "volume", "size"),
    [
        ({"type": "ephemeral"}, "data", None),
        ({"type": "persistent-claim", "size": "2Gi"}, "data", "2Gi"),
        ({"type": "jbod", "volumes": [{"id": 3, "type": "ephemeral"}]}, "data-3", None),
    ],
)
def test_kinds_of_storage(storage: dict[str, Any], volume: str, size: str | None) -> None:
    read = read_cluster(kafka(), [pool(storage=storage)]).pools[0].storage
    assert (read.volume, read.size, read.delete_claim) == (volume, size, False)
