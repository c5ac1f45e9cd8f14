"""The Kafka cluster as its operator presents it: statuses, and the objects it made."""

from itertools import pairwise

import pytest
from kubernetes import client

from broker import describe, jaas_config, secret
from cluster.target import Target
from resources import READY, Json, Resources

BROKERS = {"strimzi.io/cluster": "mandates", "strimzi.io/kind": "Kafka", "strimzi.io/name": "mandates-kafka"}
PODS = [f"mandates-dual-role-{node}" for node in range(3)]


def undated(status: Json) -> list[Json]:
    return [{k: v for k, v in one.items() if k != "lastTransitionTime"} for one in status["conditions"]]


def ports(service: client.V1Service) -> dict[str, int]:
    return {one.name: one.port for one in service.spec.ports}


def test_kafka_says_where_it_serves_and_what_it_runs(custom: client.CustomObjectsApi, core: client.CoreV1Api) -> None:
    kafka = Resources(custom).get("Kafka", "mandates")
    assert kafka
    status = kafka["status"]
    assert undated(status) == [READY]
    assert status["observedGeneration"] == kafka["metadata"]["generation"]
    assert status["kafkaVersion"] == "4.3.1"
    assert status["kafkaMetadataVersion"] == "4.3-IV0"
    assert status["operatorLastSuccessfulVersion"] == "1.2.0"
    assert status["kafkaNodePools"] == [{"name": "dual-role"}]
    plain, tls = status["listeners"]
    host = "mandates-kafka-bootstrap.default.svc"
    for listener, name, port in ((plain, "plain", 9092), (tls, "tls", 9093)):
        assert listener["name"] == name
        assert listener["bootstrapServers"] == f"{host}:{port}"
        assert listener["addresses"] == [{"host": host, "port": port}]
    assert "certificates" not in plain
    assert [one.strip() for one in tls["certificates"]] == [secret(core, "mandates-cluster-ca-cert")["ca.crt"].strip()]


def test_the_pool_names_its_nodes_and_how_to_find_them(custom: client.CustomObjectsApi, core: client.CoreV1Api) -> None:
    resources = Resources(custom)
    status = resources.status("KafkaNodePool", "dual-role")
    assert status["clusterId"] == resources.status("Kafka", "mandates")["clusterId"]
    assert status["nodeIds"] == [0, 1, 2]
    assert status["replicas"] == 3
    assert sorted(status["roles"]) == ["broker", "controller"]
    found = core.list_namespaced_pod("default", label_selector=status["labelSelector"]).items
    assert sorted(pod.metadata.name for pod in found) == PODS


@pytest.mark.parametrize("name", PODS)
def test_a_node_is_a_pod_with_its_own_name_and_disk(core: client.CoreV1Api, name: str) -> None:
    pod = core.read_namespaced_pod(name, "default")
    assert pod.spec.hostname == name
    assert pod.spec.subdomain == "mandates-kafka-brokers"
    assert (
        pod.metadata.labels.items()
        >= {
            **BROKERS,
            "strimzi.io/pool-name": "dual-role",
            "strimzi.io/broker-role": "true",
            "strimzi.io/controller-role": "true",
            "app.kubernetes.io/name": "kafka",
            "app.kubernetes.io/instance": "mandates",
        }.items()
    )
    claims = [one.persistent_volume_claim for one in pod.spec.volumes if one.persistent_volume_claim]
    assert [one.claim_name for one in claims] == [f"data-0-{name}"]
    assert core.read_namespaced_persistent_volume_claim(f"data-0-{name}", "default").status.phase == "Bound"


def test_one_service_leads_to_any_broker_and_one_to_each(core: client.CoreV1Api) -> None:
    clients = {"tcp-replication": 9091, "tcp-clients": 9092, "tcp-clientstls": 9093}
    bootstrap = core.read_namespaced_service("mandates-kafka-bootstrap", "default")
    assert bootstrap.spec.type == "ClusterIP"
    assert bootstrap.spec.selector == {**BROKERS, "strimzi.io/broker-role": "true"}
    assert ports(bootstrap) == clients

    each = core.read_namespaced_service("mandates-kafka-brokers", "default")
    assert each.spec.cluster_ip == "None"
    assert each.spec.publish_not_ready_addresses
    assert ports(each) == {**clients, "tcp-ctrlplane": 9090, "tcp-kafkaagent": 8443}


@pytest.mark.parametrize("ca", ["mandates-cluster-ca", "mandates-clients-ca"])
def test_an_authority_is_two_secrets_the_key_apart(core: client.CoreV1Api, ca: str) -> None:
    assert secret(core, f"{ca}-cert").keys() == {"ca.crt", "ca.p12", "ca.password"}
    assert secret(core, f"{ca}-cert")["ca.crt"].startswith("-----BEGIN CERTIFICATE-----")
    assert secret(core, ca).keys() == {"ca.key"}
    assert "PRIVATE KEY-----" in secret(core, ca)["ca.key"]


def test_two_of_three_brokers_survive_an_eviction(api: client.ApiClient) -> None:
    budget = client.PolicyV1Api(api).read_namespaced_pod_disruption_budget("mandates-kafka", "default")
    assert budget.spec.selector.match_labels.items() >= BROKERS.items()
    assert (budget.status.expected_pods, budget.status.desired_healthy) == (3, 2)


def test_only_brokers_and_operators_reach_the_inner_ports(api: client.ApiClient) -> None:
    name = "mandates-network-policy-kafka"
    policy = client.NetworkingV1Api(api).read_namespaced_network_policy(name, "default")
    assert policy.spec.pod_selector.match_labels.items() >= BROKERS.items()
    guarded = {port.port: bool(rule._from) for rule in policy.spec.ingress for port in rule.ports}
    assert {9090: True, 9091: True, 9092: False, 9093: False}.items() <= guarded.items()


@pytest.mark.parametrize("user", ["crm", "iot"])
def test_a_user_has_a_secret_that_goes_with_it(
    custom: client.CustomObjectsApi, core: client.CoreV1Api, user: str
) -> None:
    resource = Resources(custom).get("KafkaUser", user)
    assert resource
    status = resource["status"]
    assert undated(status) == [READY]
    assert status["observedGeneration"] == resource["metadata"]["generation"]
    assert (status["username"], status["secret"]) == (user, user)
    assert not resource["metadata"].get("finalizers")

    content = secret(core, user)
    assert content.keys() == {"password", "sasl.jaas.config"}
    assert len(content["password"]) == 32
    assert content["sasl.jaas.config"] == jaas_config(user, content["password"])
    (owner,) = core.read_namespaced_secret(user, "default").metadata.owner_references
    assert owner.uid == resource["metadata"]["uid"]


def test_the_topic_of_the_mandates_is_as_declared(target: Target, custom: client.CustomObjectsApi) -> None:
    resource = Resources(custom).get("KafkaTopic", "connection-mandates-topic")
    assert resource
    assert resource["metadata"]["finalizers"] == ["strimzi.io/topic-operator"]
    status = resource["status"]
    assert undated(status) == [READY]
    assert status["topicName"] == "connection-mandates-topic"

    topic = describe(target, "connection-mandates-topic")
    assert topic
    assert topic.topic_id == status["topicId"]
    assert topic.config["cleanup.policy"] == "compact"
    assert len(topic.replicas) == 4
    assert all(len(set(nodes)) == 2 for nodes in topic.replicas)
    # The partitions are spread: no two that follow each other have the same first choice.
    assert all(one[0] != other[0] for one, other in pairwise(topic.replicas))


def test_the_operator_s_log_is_quiet_and_says_what_it_is(api: client.ApiClient, core: client.CoreV1Api) -> None:
    deployment = client.AppsV1Api(api).read_namespaced_deployment("strimzi-cluster-operator", "strimzi")
    if deployment.metadata.labels.get("app.kubernetes.io/name") != "strimzi-double":
        pytest.skip("about the stand-in for Strimzi; real Strimzi runs here")
    (pod,) = core.list_namespaced_pod("strimzi", label_selector="app.kubernetes.io/name=strimzi-double").items
    log = core.read_namespaced_pod_log(pod.metadata.name, "strimzi")
    assert "THIS IS A TEST DOUBLE" in log.splitlines()[0]
    assert "/healthz" not in log
