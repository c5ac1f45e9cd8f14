"""The manifests of k8s/, the charts and skaffold.yaml call the same things by the same names.

Dapr ignores what it does not know - a policy, a target, a scope - so that a slip of the pen shows
only when the policy is needed.
"""

import tomllib
from itertools import chain
from pathlib import Path

import pytest

from .chart import CHARTS, ROOT, SERVICES, Manifest, read, render, the

K8S = ROOT / "k8s"
KUSTOMIZATIONS = sorted(path.parent for path in K8S.rglob("kustomization.yaml"))


def folder(path: Path) -> list[Manifest]:
    """Give the objects that the kustomization in a folder names."""
    (kustomization,) = read((path / "kustomization.yaml").read_text())
    return list(
        chain.from_iterable(read((path / f).read_text()) for f in kustomization["resources"])
    )


def everything(kind: str) -> dict[str, Manifest]:
    """Give all objects of a kind in k8s/, by name."""
    found = chain.from_iterable(folder(path) for path in KUSTOMIZATIONS)
    return {m["metadata"]["name"]: m for m in found if m["kind"] == kind}


def values(chart: str) -> Manifest:
    return read((CHARTS / chart / "values.yaml").read_text())[0]


@pytest.mark.parametrize("path", KUSTOMIZATIONS, ids=lambda path: str(path.relative_to(K8S)))
def test_no_manifest_is_forgotten(path: Path) -> None:
    (kustomization,) = read((path / "kustomization.yaml").read_text())
    manifests = {f.name for f in path.glob("*.yaml") if "\nkind: " in f"\n{f.read_text()}"}
    assert manifests - {"kustomization.yaml"} == set(kustomization["resources"])


@pytest.mark.parametrize(
    ("chart", "key", "kind"), [("crm", "pubsub", "pubsub."), ("iot", "stateStore", "state.")]
)
def test_a_service_is_given_a_component_it_may_use(chart: str, key: str, kind: str) -> None:
    component = everything("Component")[values(chart)[key]]
    assert component["scopes"] == [chart]
    assert component["spec"]["type"].startswith(kind)


def test_both_state_stores_are_for_iot_alone() -> None:
    stores = [c for c in everything("Component").values() if c["spec"]["type"].startswith("state.")]
    assert {c["metadata"]["name"]: c["scopes"] for c in stores} == {
        "statestore": ["iot"],
        "durable-statestore": ["iot"],
    }


def test_iot_subscribes_to_the_topic_crm_publishes_to() -> None:
    subscription = everything("Subscription")["connection-mandates"]
    assert subscription["spec"]["topic"] == values("crm")["topic"]
    assert subscription["scopes"] == ["iot"]
    assert everything("Component")[subscription["spec"]["pubsubname"]]["scopes"] == ["iot"]
    assert subscription["spec"]["topic"] in everything("KafkaTopic")


def test_a_new_consumer_group_reads_the_topic_from_its_beginning() -> None:
    metadata = everything("Component")["iot-pubsub"]["spec"]["metadata"]
    assert {"name": "initialOffset", "value": "oldest"} in metadata


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


def test_the_stores_make_the_secrets_the_components_read() -> None:
    for component in everything("Component").values():
        if component["spec"]["type"].startswith("state."):
            (reference,) = (
                entry["secretKeyRef"]
                for entry in component["spec"]["metadata"]
                if "secretKeyRef" in entry
            )
            assert reference["key"] in everything("Secret")[reference["name"]]["stringData"]


def test_the_connection_string_is_that_of_the_database() -> None:
    secret = everything("Secret")["mariadb"]["stringData"]
    stateful = everything("StatefulSet")["mariadb"]["spec"]["template"]["spec"]["containers"][0]
    env = {entry["name"]: entry.get("value") for entry in stateful["env"]}
    address = f"{env['MARIADB_USER']}:{secret['password']}@tcp(mariadb:3306)/"
    assert secret["connection-string"].startswith(address)
    metadata = everything("Component")["durable-statestore"]["spec"]["metadata"]
    assert {"name": "schemaName", "value": env["MARIADB_DATABASE"]} in metadata


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


def test_delivery_to_iot_is_never_given_up() -> None:
    spec = everything("Resiliency")["mandates"]["spec"]
    retry = spec["policies"]["retries"][
        spec["targets"]["components"]["iot-pubsub"]["inbound"]["retry"]
    ]
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
def test_the_injector_sees_the_pods_of_the_charts(name: str) -> None:
    control_plane = read((K8S / "dapr" / "control-plane-values.yaml").read_text())[0]
    wanted = control_plane["dapr_sidecar_injector"]["objectSelector"]["matchLabels"]
    template = the("Deployment", render(name))["spec"]["template"]
    assert wanted.items() <= template["metadata"]["labels"].items()
    assert template["metadata"]["annotations"]["dapr.io/config"] in everything("Configuration")


@pytest.mark.parametrize("name", ["redis", "mariadb", "zipkin"])
def test_a_store_runs_the_one_version_and_with_no_more_rights_than_a_service(name: str) -> None:
    workload = (everything("StatefulSet") | everything("Deployment"))[name]
    spec = workload["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    images = tomllib.loads((ROOT / "versions.toml").read_text())["images"]
    assert container["image"] == images[name]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] > 0
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"]["limits"]["memory"]
    assert (
        workload["spec"]["selector"]["matchLabels"]
        == everything("Service")[name]["spec"]["selector"]
    )


def test_skaffold_builds_what_the_charts_run() -> None:
    dapr, services = read((ROOT / "skaffold.yaml").read_text())
    assert [ROOT / path for path in dapr["manifests"]["kustomize"]["paths"]] == [K8S / "dapr"]
    assert services["requires"] == [{"configs": [dapr["metadata"]["name"]]}]
    contexts = {a["image"]: a["context"] for a in services["build"]["artifacts"]}
    assert contexts == {f"mandates/{name}": f"services/{name}" for name in SERVICES}
    for release in services["deploy"]["helm"]["releases"]:
        image = values(release["name"])["service"]["image"]["repository"]
        assert release["chartPath"] == f"charts/{release['name']}"
        variable = image.replace("/", "_")
        assert release["setValueTemplates"] == {
            "service.image.repository": f"{{{{.IMAGE_REPO_{variable}}}}}",
            "service.image.tag": f"{{{{.IMAGE_TAG_{variable}}}}}",
        }


def test_skaffold_forwards_the_ports_of_the_services() -> None:
    _, services = read((ROOT / "skaffold.yaml").read_text())
    forwarded = {f["resourceName"]: (f["port"], f["localPort"]) for f in services["portForward"]}
    assert forwarded == {name: (port, port) for name, port in SERVICES.items()}
