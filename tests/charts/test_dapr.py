"""Dapr's resources name one another, the stores, Kafka and the charts rightly.

Dapr ignores what it does not know - a policy, a target, a scope - so that a slip of the pen shows
only when the policy is needed.
"""

import pytest

from cluster.secret import fresh

from .chart import SERVICES, read
from .manifests import K8S, everything, values

# Under which a service's sidecar may run: charts/iot/values.schema.json.
APP_IDS = {"crm": ["crm"], "iot": ["iot", "iot-green"]}


@pytest.mark.parametrize(("chart", "key", "kind"), [("crm", "pubsub", "pubsub."), ("iot", "stateStore", "state.")])
def test_a_service_is_given_a_component_it_may_use(chart: str, key: str, kind: str) -> None:
    component = everything("Component")[values(chart)[key]]
    assert component["scopes"] == APP_IDS[chart]
    assert component["spec"]["type"].startswith(kind)


def test_both_state_stores_are_for_iot_alone() -> None:
    stores = [c for c in everything("Component").values() if c["spec"]["type"].startswith("state.")]
    assert {c["metadata"]["name"]: c["scopes"] for c in stores} == {
        "statestore": APP_IDS["iot"],
        "durable-statestore": APP_IDS["iot"],
    }


def test_iot_subscribes_to_the_topic_crm_publishes_to() -> None:
    subscription = everything("Subscription")["connection-mandates"]
    assert subscription["spec"]["topic"] == values("crm")["topic"]
    assert subscription["scopes"] == APP_IDS["iot"]
    assert everything("Component")[subscription["spec"]["pubsubname"]]["scopes"] == APP_IDS["iot"]
    assert subscription["spec"]["topic"] in everything("KafkaTopic")


def test_what_cannot_be_read_reaches_iot_all_the_same() -> None:
    """Else the sidecar judges it, and blocks the partition or drops it (DESIGN, promise 6)."""
    subscription = everything("Subscription")["connection-mandates"]
    assert subscription["spec"]["metadata"] == {"rawPayload": "true"}


def test_a_new_consumer_group_reads_the_topic_from_its_beginning() -> None:
    metadata = everything("Component")["iot-pubsub"]["spec"]["metadata"]
    assert {"name": "initialOffset", "value": "oldest"} in metadata


def test_the_consumer_group_is_the_app_id_and_may_be_used() -> None:
    """Dapr's default, so that a read model under the other app-id has a group of its own."""
    metadata = everything("Component")["iot-pubsub"]["spec"]["metadata"]
    assert not {"consumerGroup", "consumerID"} & {entry["name"] for entry in metadata}
    acls = everything("KafkaUser")["iot"]["spec"]["authorization"]["acls"]
    (group,) = (acl["resource"] for acl in acls if acl["resource"]["type"] == "group")
    assert group["patternType"] == "prefix"
    assert all(app_id.startswith(group["name"]) for app_id in APP_IDS["iot"])


def test_what_cannot_be_read_may_be_put_aside_whole() -> None:
    topic = everything("KafkaTopic")[values("iot")["deadLetterTopic"]]
    metadata = everything("Component")[values("iot")["pubsub"]]["spec"]["metadata"]
    limit = str(topic["spec"]["config"]["max.message.bytes"])
    assert {"name": "maxMessageBytes", "value": limit} in metadata
    acls = everything("KafkaUser")["iot"]["spec"]["authorization"]["acls"]
    written = [acl["resource"]["name"] for acl in acls if "Write" in acl["operations"]]
    assert written == [topic["metadata"]["name"]]


@pytest.mark.parametrize("name", SERVICES)
def test_pubsub_is_encrypted_and_signed_in(name: str) -> None:
    metadata = {
        entry["name"]: entry.get("value", entry.get("secretKeyRef"))
        for entry in everything("Component")[f"{name}-pubsub"]["spec"]["metadata"]
    }
    expected = {
        "brokers": "mandates-kafka-bootstrap:9093",
        "disableTls": "false",
        "caCert": {"name": "mandates-cluster-ca-cert", "key": "ca.crt"},
        "authType": "password",
        "saslMechanism": "SHA-512",
        "saslUsername": name,
        "saslPassword": {"name": name, "key": "password"},
    }
    assert expected.items() <= metadata.items()
    assert name in everything("KafkaUser")
    assert "mandates" in everything("Kafka")


def test_the_secrets_that_the_components_read_are_made() -> None:
    for component in everything("Component").values():
        if component["spec"]["type"].startswith("state."):
            (reference,) = (entry["secretKeyRef"] for entry in component["spec"]["metadata"] if "secretKeyRef" in entry)
            assert reference["key"] in fresh()[reference["name"]]


def test_every_policy_has_a_target_and_every_target_a_policy() -> None:
    spec = everything("Resiliency")["mandates"]["spec"]
    targets = spec["targets"]["components"]
    assert targets.keys() <= everything("Component").keys()
    used = {
        (policy, name)
        for directions in targets.values()
        for policies in directions.values()
        for policy, name in policies.items()
    }
    defined = {("retry", name) for name in spec["policies"]["retries"]}
    defined |= {("timeout", name) for name in spec["policies"]["timeouts"]}
    assert used == defined


@pytest.mark.parametrize("name", ["crm", "iot", "crm-traced", "iot-traced"])
def test_nobody_invokes_a_service_and_a_sidecar_does_only_what_its_service_uses(name: str) -> None:
    spec = everything("Configuration")[name]["spec"]
    assert spec["accessControl"] == {"defaultAction": "deny", "trustDomain": "public"}
    allowed = {(rule["protocol"], rule["name"]) for rule in spec["api"]["allowed"]}
    # One of each protocol: what has no entry at all is open.
    assert (
        allowed
        == {
            "crm": {("http", "publish"), ("grpc", "publish")},
            "iot": {("grpc", "state"), ("grpc", "publish"), ("grpc", "metadata"), ("http", "metadata")},
        }[name.removesuffix("-traced")]
    )


@pytest.mark.parametrize("name", SERVICES)
def test_a_traced_configuration_differs_in_its_tracing_alone(name: str) -> None:
    plain, traced = (dict(everything("Configuration")[one]["spec"]) for one in (name, f"{name}-traced"))
    assert plain.pop("tracing") != traced.pop("tracing")
    assert plain == traced


def test_a_record_is_bounded_and_its_time_is_the_brokers() -> None:
    config = everything("KafkaTopic")[values("crm")["topic"]]["spec"]["config"]
    assert config["message.timestamp.type"] == "LogAppendTime"
    assert config["compression.type"] == "uncompressed"
    metadata = everything("Component")["crm-pubsub"]["spec"]["metadata"]
    assert {"name": "maxMessageBytes", "value": str(config["max.message.bytes"])} in metadata
    assert config["max.compaction.lag.ms"] == 24 * 60 * 60 * 1000


def test_a_producers_headers_say_nothing_of_a_records_place() -> None:
    metadata = everything("Component")["iot-pubsub"]["spec"]["metadata"]
    assert {"name": "excludeHeaderMetaRegex", "value": "(?i)^__"} in metadata


def test_delivery_to_iot_is_never_given_up() -> None:
    spec = everything("Resiliency")["mandates"]["spec"]
    retry = spec["policies"]["retries"][spec["targets"]["components"]["iot-pubsub"]["inbound"]["retry"]]
    assert retry["maxRetries"] == -1


def test_publishing_has_no_timeout() -> None:
    """An event given up on could still arrive, behind newer ones of its connection."""
    targets = everything("Resiliency")["mandates"]["spec"]["targets"]["components"]
    assert "crm-pubsub" not in targets


def test_a_store_or_a_broker_that_is_away() -> None:
    """CRM takes changes, and IoT answers, with a sidecar started while Kafka is down."""
    lenient = {n: c["spec"].get("ignoreErrors", False) for n, c in everything("Component").items()}
    assert lenient == {
        "crm-pubsub": True,
        "iot-pubsub": True,
        "statestore": False,
        "durable-statestore": False,
    }


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_writes_and_reads_its_own_topics_and_no_others(name: str) -> None:
    metadata = {
        entry["name"]: entry.get("value") for entry in everything("Component")[f"{name}-pubsub"]["spec"]["metadata"]
    }
    topic, aside = values("crm")["topic"], values("iot")["deadLetterTopic"]

    def scoped(topics: str) -> str:
        return ";".join(f"{app_id}={topics}" for app_id in APP_IDS[name])

    written, read = (topic, "") if name == "crm" else (aside, topic)
    assert metadata["publishingScopes"] == scoped(written)
    assert metadata["subscriptionScopes"] == scoped(read)
    assert set(metadata["allowedTopics"].split(",")) == {written, read} - {""}


def test_sidecars_prove_who_they_are() -> None:
    control_plane = read((K8S / "dapr" / "control-plane-values.yaml").read_text())[0]
    assert control_plane["global"]["mtls"] == {"enabled": True}
