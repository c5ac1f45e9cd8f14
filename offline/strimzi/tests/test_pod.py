"""The broker pods, and the order in which they are replaced."""

from __future__ import annotations

from typing import Any

import pytest

from strimzi_double.cluster_reader import read_cluster
from strimzi_double.objects import claims, cluster_objects
from strimzi_double.pod import broker_pod, next_to_replace

from .resources import kafka, pool

KAFKA = kafka()
POOL = pool()
CLUSTER = read_cluster(KAFKA, [POOL])


def wanted(keystore: str = "k", image: str = "i", partitions: int = 1) -> list[dict[str, Any]]:
    cluster = read_cluster({**KAFKA, "spec": kafka(config={"num.partitions": partitions})["spec"]}, [pool()])
    return [broker_pod(cluster, node, KAFKA, image, keystore) for node in cluster.node_ids]


def running(pods: list[dict[str, Any]], *, ready: bool = True) -> dict[str, dict[str, Any]]:
    condition = {"type": "Ready", "status": "True" if ready else "False"}
    status = {"phase": "Running", "conditions": [condition]}
    return {pod["metadata"]["name"]: {**pod, "status": status} for pod in pods}


def test_the_pod_is_found_as_strimzis_is() -> None:
    pod = wanted()[2]
    assert pod["metadata"]["name"] == pod["spec"]["hostname"] == "c-p-2"
    assert pod["spec"]["subdomain"] == "c-kafka-brokers"
    assert (
        pod["metadata"]["labels"].items()
        >= {
            "strimzi.io/cluster": "c",
            "strimzi.io/kind": "Kafka",
            "strimzi.io/name": "c-kafka",
            "strimzi.io/pool-name": "p",
            "strimzi.io/broker-role": "true",
            "strimzi.io/controller-role": "true",
            "app.kubernetes.io/name": "kafka",
            "app.kubernetes.io/instance": "c",
        }.items()
    )
    (container,) = pod["spec"]["containers"]
    assert container["name"] == "kafka"
    assert container["workingDir"] == "/opt/kafka"
    claim = {"claimName": "data-0-c-p-2"}
    assert {"name": "data-0", "persistentVolumeClaim": claim} in pod["spec"]["volumes"]


def test_pods_of_one_role_are_spread_and_a_broker_is_told_its_rack() -> None:
    zone = "topology.kubernetes.io/zone"
    spread = [{"maxSkew": 1, "topologyKey": zone, "whenUnsatisfiable": "DoNotSchedule"}]
    template = {"pod": {"topologySpreadConstraints": spread}}
    pools = [pool("broker", roles=["broker"]), pool("controller", roles=["controller"], template=template)]
    apart = read_cluster(kafka(rack={"topologyKey": zone}), pools)
    broker, controller = (broker_pod(apart, node, KAFKA, "i", "k") for node in (0, 3))
    labels = [pod["metadata"]["labels"] for pod in (broker, controller)]
    assert [(one["strimzi.io/broker-role"], one["strimzi.io/controller-role"]) for one in labels] == [
        ("true", "false"),
        ("false", "true"),
    ]
    assert controller["spec"]["topologySpreadConstraints"] == spread
    assert "affinity" not in controller["spec"]
    (own,) = broker["spec"]["containers"]
    assert own["env"] == [{"name": "RACK", "valueFrom": {"fieldRef": {"fieldPath": f"metadata.labels['{zone}']"}}}]
    required = broker["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert required == {"nodeSelectorTerms": [{"matchExpressions": [{"key": zone, "operator": "Exists"}]}]}
    (other,) = controller["spec"]["containers"]
    assert (own["env"] != [], other["env"]) == (True, [])
    assert {kind: other[kind]["tcpSocket"]["port"] for kind in other if kind.endswith("Probe")} == {
        "startupProbe": 9090,
        "readinessProbe": 9090,
        "livenessProbe": 9090,
    }
    assert own["livenessProbe"]["tcpSocket"]["port"] == 9091


def owners(made: list[dict[str, Any]]) -> set[str]:
    return {owner["uid"] for item in made for owner in item["metadata"]["ownerReferences"]}


def test_everything_is_owned_so_that_it_goes_with_the_cluster() -> None:
    assert owners([*cluster_objects(CLUSTER, KAFKA), *wanted()]) == {KAFKA["metadata"]["uid"]}


def test_a_claim_goes_with_its_pool() -> None:
    assert owners(claims(CLUSTER, [POOL])) == {POOL["metadata"]["uid"]}


def test_a_claim_that_is_to_stay_has_no_owner() -> None:
    volume = {"id": 0, "type": "persistent-claim", "size": "1Gi", "class": "fast"}
    storage = {"type": "jbod", "volumes": [volume]}
    own = pool(storage=storage)
    first, *_ = made = claims(read_cluster(KAFKA, [own]), [own])
    assert [claim["metadata"]["name"] for claim in made] == [f"data-0-c-p-{n}" for n in range(3)]
    assert "ownerReferences" not in first["metadata"]
    assert first["spec"]["storageClassName"] == "fast"


def test_the_services_have_strimzis_ports() -> None:
    services = {
        item["metadata"]["name"]: {port["name"]: port["port"] for port in item["spec"]["ports"]}
        for item in cluster_objects(CLUSTER, KAFKA)
        if item["kind"] == "Service"
    }
    clients = {"tcp-replication": 9091, "tcp-clients": 9092, "tcp-clientstls": 9093}
    inner = {"tcp-ctrlplane": 9090, "tcp-kafkaagent": 8443}
    assert services == {"c-kafka-bootstrap": clients, "c-kafka-brokers": clients | inner}


def test_a_pod_names_its_ports_as_the_services_do() -> None:
    (container,) = wanted()[0]["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    clients = {"tcp-clients": 9092, "tcp-clientstls": 9093}
    assert ports == {"tcp-ctrlplane": 9090, "tcp-replication": 9091} | clients


def test_nothing_is_replaced_without_need() -> None:
    assert next_to_replace(running(wanted()), wanted()) is None


@pytest.mark.parametrize("changed", [wanted(partitions=2), wanted(keystore="other"), wanted(image="other")])
def test_pods_are_replaced_one_at_a_time(changed: list[dict[str, Any]]) -> None:
    pods = running(wanted())
    assert next_to_replace(pods, changed) == "c-p-0"
    del pods["c-p-0"]
    assert next_to_replace(pods, changed) is None, "it is away: the others serve on"
    pods |= running(changed[:1], ready=False)
    assert next_to_replace(pods, changed) is None, "it does not serve yet"
    pods |= running(changed[:1])
    assert next_to_replace(pods, changed) == "c-p-1"


def test_a_pod_that_serves_nobody_is_replaced_first() -> None:
    pods = running(wanted()) | running(wanted()[2:], ready=False)
    assert next_to_replace(pods, wanted(image="other")) == "c-p-2"


def test_a_pod_on_its_way_out_is_waited_for() -> None:
    pods = running(wanted())
    pods["c-p-0"]["metadata"] = {**pods["c-p-0"]["metadata"], "deletionTimestamp": "now"}
    assert next_to_replace(pods, wanted(image="other")) is None


def test_a_pod_that_ended_is_replaced() -> None:
    pods = running(wanted())
    pods["c-p-1"]["status"] = {"phase": "Failed"}
    assert next_to_replace(pods, wanted()) == "c-p-1"
