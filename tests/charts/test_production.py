"""The production form: what it changes of the small one, and that the API server takes it."""

from pathlib import Path

import pytest

from .chart import CHARTS, ROOT, SERVICES, Manifest, helm, read, the
from .manifests import K8S, KUSTOMIZATIONS, kustomized
from .schemas import definitions, faults

PRODUCTION = K8S / "production" / "strimzi"
TRIED = ROOT / "tests" / "production"
DEFINED = definitions()
ZONE = "topology.kubernetes.io/zone"


def named(folder: Path, kind: str) -> dict[str, Manifest]:
    return {one["metadata"]["name"]: one for one in kustomized(folder) if one["kind"] == kind}


@pytest.mark.skipif(not DEFINED, reason="needs the CRDs that make up builds")
@pytest.mark.parametrize("folder", [*KUSTOMIZATIONS, TRIED / "strimzi"], ids=lambda path: str(path.relative_to(ROOT)))
def test_the_api_server_takes_every_field(folder: Path) -> None:
    checked = [one for one in kustomized(folder) if (one["apiVersion"], one["kind"]) in DEFINED]
    groups = {one["apiVersion"].partition("/")[0] for one in kustomized(folder)}
    assert bool(checked) == bool(groups & {"kafka.strimzi.io", "dapr.io"})
    wrong = {
        one["metadata"]["name"]: found
        for one in checked
        if (found := faults(one, DEFINED[one["apiVersion"], one["kind"]]))
    }
    assert wrong == {}


@pytest.mark.skipif(not DEFINED, reason="needs the CRDs that make up builds")
def test_a_slip_of_the_pen_would_be_found() -> None:
    kafka = named(PRODUCTION, "Kafka")["mandates"]
    kafka["spec"]["kafka"]["rack"] = {"topologykey": ZONE}
    assert any("topologykey" in fault for fault in faults(kafka, DEFINED[kafka["apiVersion"], "Kafka"]))


@pytest.mark.parametrize("folder", [PRODUCTION, TRIED / "strimzi"], ids=["production", "tried"])
def test_an_event_survives_the_loss_of_any_broker_and_any_zone(folder: Path) -> None:
    pools = {name: one["spec"] for name, one in named(folder, "KafkaNodePool").items()}
    assert {name: (pool["replicas"], pool["roles"]) for name, pool in pools.items()} == {
        "controller": (3, ["controller"]),
        "broker": (3, ["broker"]),
    }
    for name, pool in pools.items():
        assert [volume["deleteClaim"] for volume in pool["storage"]["volumes"]] == [False]
        (spread,) = pool["template"]["pod"]["topologySpreadConstraints"]
        assert (spread["topologyKey"], spread["whenUnsatisfiable"]) == (ZONE, "DoNotSchedule")
        assert spread["labelSelector"]["matchLabels"]["strimzi.io/pool-name"] == name
    kafka = named(folder, "Kafka")["mandates"]["spec"]["kafka"]
    assert kafka["rack"] == {"topologyKey": ZONE}
    assert (kafka["config"]["default.replication.factor"], kafka["config"]["min.insync.replicas"]) == (3, 2)
    topics = named(folder, "KafkaTopic")
    assert {
        name: (one["spec"]["replicas"], one["spec"]["config"]["min.insync.replicas"]) for name, one in topics.items()
    } == {
        "connection-mandates-topic": (3, 2),
        "connection-mandates-dead-letter": (3, 2),
    }


def test_it_is_the_small_form_but_for_that() -> None:
    """Nothing of users, listeners, compaction or limits is said a second time."""
    small, large = (named(folder, "Kafka")["mandates"]["spec"] for folder in (K8S / "strimzi", PRODUCTION))
    del large["kafka"]["rack"]
    large["kafka"]["config"]["min.insync.replicas"] = small["kafka"]["config"]["min.insync.replicas"]
    assert large == small
    assert named(PRODUCTION, "KafkaUser") == named(K8S / "strimzi", "KafkaUser")
    for name, topic in named(PRODUCTION, "KafkaTopic").items():
        before = named(K8S / "strimzi", "KafkaTopic")[name]["spec"]
        assert {**topic["spec"]["config"]} == {**before["config"], "min.insync.replicas": 2}
        assert topic["spec"]["partitions"] == before["partitions"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_zone_takes_one_of_two_replicas_and_a_drain_one_at_a_time(name: str) -> None:
    values = CHARTS / name / "values-production.yaml"
    manifests = read(helm("template", "--skip-tests", name, str(CHARTS / name), "--values", str(values)))
    deployment = the("Deployment", manifests)["spec"]
    assert (deployment["replicas"], deployment["strategy"]) == (2, {"type": "RollingUpdate"})
    spec = deployment["template"]["spec"]
    (spread,) = spec["topologySpreadConstraints"]
    assert (spread["topologyKey"], spread["whenUnsatisfiable"]) == (ZONE, "DoNotSchedule")
    assert spread["labelSelector"] == deployment["selector"]
    assert {toleration["key"]: toleration["tolerationSeconds"] for toleration in spec["tolerations"]} == {
        "node.kubernetes.io/not-ready": 30,
        "node.kubernetes.io/unreachable": 30,
    }
    assert the("PodDisruptionBudget", manifests)["spec"]["maxUnavailable"] == 1


def test_crm_begins_with_nobody_on_a_server_that_is_backed_up() -> None:
    values = CHARTS / "crm" / "values-production.yaml"
    manifests = read(helm("template", "--skip-tests", "crm", str(CHARTS / "crm"), "--values", str(values)))
    (container,) = the("Deployment", manifests)["spec"]["template"]["spec"]["containers"]
    env = {entry["name"]: entry for entry in container["env"]}
    assert "secretKeyRef" in env["CRM_DATABASE_URL"]["valueFrom"]
    files = [one["data"] for one in manifests if one["kind"] == "ConfigMap" and "customers.csv" in one["data"]]
    sample = (ROOT / "services" / "crm" / "customer-database.csv").read_text()
    assert files == [{"customers.csv": sample.splitlines(keepends=True)[0]}]
    assert {one["metadata"]["name"] for one in manifests if one["kind"] == "CronJob"} == {"crm-backup", "crm-restore"}


def test_skaffold_has_a_profile_for_it() -> None:
    _, services = read((ROOT / "skaffold.yaml").read_text())
    (profile,) = (one for one in services["profiles"] if one["name"] == "production")
    releases = [release["name"] for release in services["deploy"]["helm"]["releases"]]
    assert {patch["path"]: patch["value"] for patch in profile["patches"]} == {
        f"/deploy/helm/releases/{at}/valuesFiles": [f"charts/{name}/values-production.yaml"]
        for at, name in enumerate(releases)
    }
