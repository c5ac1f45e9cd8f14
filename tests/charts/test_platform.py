"""The manifests of k8s/, the charts and skaffold.yaml fit one another."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from cluster.secret import fresh

from .chart import ROOT, SERVICES, read, render, the
from .manifests import K8S, KUSTOMIZATIONS, built, everything, values


@pytest.mark.parametrize("path", KUSTOMIZATIONS, ids=lambda path: str(path.relative_to(K8S)))
def test_no_manifest_is_forgotten(path: Path) -> None:
    (kustomization,) = read((path / "kustomization.yaml").read_text())
    manifests = {f.name for f in path.glob("*.yaml") if "\nkind: " in f"\n{f.read_text()}"}
    named = {*kustomization["resources"], *(patch.get("path", "") for patch in kustomization.get("patches", []))}
    assert manifests - {"kustomization.yaml"} == {name for name in named if name.endswith(".yaml")}


def test_the_connection_string_is_that_of_the_database() -> None:
    secret = fresh()["mariadb"]
    stateful = everything("StatefulSet")["mariadb"]["spec"]["template"]["spec"]["containers"][0]
    env = {entry["name"]: entry.get("value") for entry in stateful["env"]}
    address = f"{env['MARIADB_USER']}:{secret['password']}@tcp(mariadb:3306)/"
    assert secret["connection-string"].startswith(address)
    metadata = everything("Component")["durable-statestore"]["spec"]["metadata"]
    assert {"name": "schemaName", "value": env["MARIADB_DATABASE"]} in metadata


def test_crm_s_server_is_one_of_its_own() -> None:
    stateful = built("stores/crm-mariadb", "StatefulSet")
    assert (
        stateful["spec"]["serviceName"] == built("stores/crm-mariadb", "Service")["metadata"]["name"] == "crm-mariadb"
    )
    template = stateful["spec"]["template"]
    assert stateful["spec"]["selector"]["matchLabels"] == template["metadata"]["labels"]
    (container,) = template["spec"]["containers"]
    env = {entry["name"]: entry for entry in container["env"]}
    secret = fresh()["crm-mariadb"]
    for name, key in (("MARIADB_PASSWORD", "password"), ("MARIADB_ROOT_PASSWORD", "root-password")):
        assert env[name]["valueFrom"]["secretKeyRef"] == {"name": "crm-mariadb", "key": key}
        assert key in secret
    user = env["MARIADB_USER"]["value"]
    address = f"mysql+pymysql://{user}:{secret['password']}@crm-mariadb:3306/{env['MARIADB_DATABASE']['value']}"
    assert secret["url"] == address


def test_no_secret_is_in_git() -> None:
    assert everything("Secret") == {}


def test_the_example_brings_the_secrets_that_make_up_would_make() -> None:
    items = read((K8S / "examples" / "external-secrets.yaml").read_text())
    brought = {}
    for one in items:
        if one["kind"] == "ExternalSecret":
            template = one["spec"].get("target", {}).get("template", {}).get("data")
            brought[one["metadata"]["name"]] = set(template or (data["secretKey"] for data in one["spec"]["data"]))
    assert brought == {name: set(content) for name, content in fresh().items()}


def test_the_tools_are_the_brokers_image_and_reach_kafka_as_a_user_of_theirs() -> None:
    assert everything("Deployment")["kafka-tools"]["spec"]["template"]["spec"]["volumes"][2] == {
        "name": "operator",
        "secret": {"secretName": "operator"},
    }
    assert "operator" in everything("KafkaUser")


@pytest.mark.parametrize("name", SERVICES)
def test_the_injector_sees_the_pods_of_the_charts(name: str) -> None:
    control_plane = read((K8S / "dapr" / "control-plane-values.yaml").read_text())[0]
    (left_out,) = control_plane["dapr_sidecar_injector"]["objectSelector"]["matchExpressions"]
    template = the("Deployment", render(name))["spec"]["template"]
    assert left_out["operator"] == "DoesNotExist"
    assert left_out["key"] not in template["metadata"]["labels"]
    assert template["metadata"]["annotations"]["dapr.io/config"] in everything("Configuration")


@pytest.mark.parametrize("name", ["redis", "mariadb", "zipkin", "akhq", "kafka-tools"])
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
    if name != "kafka-tools":
        assert workload["spec"]["selector"]["matchLabels"] == everything("Service")[name]["spec"]["selector"]


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


def test_skaffold_leaves_no_container_of_docker_s_behind_and_asks_podman_as_it_can() -> None:
    """Tried on Docker by tests/pull: over the plain API each step of a build leaves its container there."""
    _, services = read((ROOT / "skaffold.yaml").read_text())
    assert services["build"]["local"]["useDockerCLI"]
    podman = _profile(services, "podman")
    assert podman["activation"] == [{"env": "KIND_EXPERIMENTAL_PROVIDER=podman"}]
    (patch,) = podman["patches"]
    assert (patch["op"], patch["path"]) == ("replace", "/build/local")
    assert "useDockerCLI" not in patch["value"]


def _profile(config: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any]
    (found,) = (profile for profile in config["profiles"] if profile["name"] == name)
    return found


def test_skaffold_traces_with_the_configurations_of_the_services() -> None:
    dapr, services = read((ROOT / "skaffold.yaml").read_text())
    (added,) = _profile(dapr, "traced")["patches"]
    assert ROOT / added["value"] == K8S / "observability"
    names = [release["name"] for release in services["deploy"]["helm"]["releases"]]
    chosen = {patch["path"]: patch["value"] for patch in _profile(services, "traced")["patches"]}
    assert chosen == {
        f"/deploy/helm/releases/{at}/setValues": {"service.dapr.config": f"{name}-traced"}
        for at, name in enumerate(names)
    }


def test_skaffold_forwards_the_ports_of_the_services() -> None:
    _, services = read((ROOT / "skaffold.yaml").read_text())
    forwarded = {f["resourceName"]: (f["port"], f["localPort"]) for f in services["portForward"]}
    assert forwarded == {name: (port, port) for name, port in SERVICES.items()}


def test_akhq_finds_kafka_as_its_user_and_knows_the_authority() -> None:
    user = everything("KafkaUser")["akhq"]
    assert user["metadata"]["labels"] == everything("KafkaUser")["crm"]["metadata"]["labels"]
    operations = {one for acl in user["spec"]["authorization"]["acls"] for one in acl["operations"]}
    assert operations == {"Read", "Describe", "DescribeConfigs"}
    (connection,) = read(everything("ConfigMap")["akhq"]["data"]["application.yml"])[0]["akhq"]["connections"].values()
    cluster = user["metadata"]["labels"]["strimzi.io/cluster"]
    kafka = everything("Kafka")[cluster]
    secured = next(one for one in kafka["spec"]["kafka"]["listeners"] if one.get("authentication"))
    properties = connection["properties"]
    assert properties["bootstrap.servers"] == f"{cluster}-kafka-bootstrap:{secured['port']}"
    assert (properties["security.protocol"], properties["sasl.mechanism"]) == ("SASL_SSL", "SCRAM-SHA-512")
    pod = everything("Deployment")["akhq"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    env = {one["name"]: one.get("valueFrom", {}).get("secretKeyRef") for one in container["env"]}
    assert properties["sasl.jaas.config"] == "${KAFKA_JAAS}"
    assert env["KAFKA_JAAS"] == {"name": user["metadata"]["name"], "key": "sasl.jaas.config"}
    mounts = {one["name"]: one["mountPath"] for one in container["volumeMounts"]}
    (authority,) = [one for one in pod["volumes"] if one.get("secret", {}).get("secretName")]
    assert authority["secret"]["secretName"] == f"{cluster}-cluster-ca-cert"
    (file,) = authority["secret"]["items"]
    assert properties["ssl.truststore.location"] == f"{mounts[authority['name']]}/{file['path']}"
