"""What every service is on the cluster, whichever chart it comes from."""

import re
from typing import Any

import pytest

from .chart import CHARTS, ROOT, SERVICES, Manifest, RefusedError, helm, read, render, render_as, the

pytestmark = pytest.mark.parametrize("name", SERVICES)


def pod(name: str, **values: object) -> Manifest:
    template: Manifest = the("Deployment", render(name, **values))["spec"]["template"]
    return template


def container(name: str, **values: object) -> Any:
    (only,) = pod(name, **values)["spec"]["containers"]
    return only


def test_everything_bears_the_name_of_the_release(name: str) -> None:
    assert {(m["kind"], m["metadata"]["name"]) for m in render(name)} == {
        ("ServiceAccount", name),
        ("Service", name),
        ("Deployment", name),
        ("NetworkPolicy", name),
        ("NetworkPolicy", f"{name}-test"),
    }
    assert container(name)["name"] == name


def test_the_sidecar_knows_the_service(name: str) -> None:
    annotations = pod(name)["metadata"]["annotations"]
    expected = {
        "dapr.io/enabled": "true",
        "dapr.io/app-id": name,
        "dapr.io/app-port": str(SERVICES[name]),
        "dapr.io/config": name,
        "dapr.io/app-token-secret": f"{name}-app-token",
        "dapr.io/env": "GOMEMLIMIT=256MiB",
        "dapr.io/log-as-json": "true",
        "dapr.io/enable-native-sidecar": "true",
        "dapr.io/disable-builtin-k8s-secret-store": "true",
    }
    assert expected.items() <= annotations.items()


def test_the_token_of_the_sidecar_is_given_to_the_service_too(name: str) -> None:
    """By the chart's name, also to another release: `make up` makes one for each service."""
    deployment = the("Deployment", render_as("another", name))
    template = deployment["spec"]["template"]
    assert template["metadata"]["annotations"]["dapr.io/app-token-secret"] == f"{name}-app-token"
    (only,) = template["spec"]["containers"]
    token = {"secretKeyRef": {"name": f"{name}-app-token", "key": "token"}}
    assert {"name": "APP_API_TOKEN", "valueFrom": token} in only["env"]


def test_scaling_by_load_takes_the_place_of_a_fixed_number(name: str) -> None:
    server = {"database": "server"} if name == "crm" else {}
    manifests = render(name, service__autoscaling={"minReplicas": 2, "maxReplicas": 4, "cpu": 70}, **server)
    assert "replicas" not in the("Deployment", manifests)["spec"]
    scaler = the("HorizontalPodAutoscaler", manifests)["spec"]
    assert scaler["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (2, 4)
    (metric,) = scaler["metrics"]
    assert metric["containerResource"] == {
        "name": "cpu",
        "container": name,
        "target": {"type": "Utilization", "averageUtilization": 70},
    }


def test_a_disruption_budget_is_about_the_pods(name: str) -> None:
    server = {"database": "server"} if name == "crm" else {}
    manifests = render(name, service__disruptionBudget={"minAvailable": 1}, **server)
    budget = the("PodDisruptionBudget", manifests)["spec"]
    assert budget["minAvailable"] == 1
    assert budget["selector"] == the("Deployment", manifests)["spec"]["selector"]


def test_the_app_id_outlives_the_name_of_the_release(name: str) -> None:
    """State is stored under it and Components are scoped to it."""
    deployment = the("Deployment", render_as("another", name))
    assert deployment["metadata"]["name"] == "another"
    assert deployment["spec"]["template"]["metadata"]["annotations"]["dapr.io/app-id"] == name


def test_the_sidecar_is_bounded(name: str) -> None:
    sizes = {"requests": {"cpu": "7m", "memory": "70Mi"}, "limits": {"cpu": "8m", "memory": "80Mi"}}
    annotations = pod(name, service__dapr={"resources": sizes})["metadata"]["annotations"]
    assert {
        key: annotations[f"dapr.io/sidecar-{key}"]
        for key in ("cpu-request", "memory-request", "cpu-limit", "memory-limit")
    } == {
        "cpu-request": "7m",
        "memory-request": "70Mi",
        "cpu-limit": "8m",
        "memory-limit": "80Mi",
    }


def test_all_annotations_are_strings(name: str) -> None:
    """Kubernetes refuses a number or a boolean here."""
    annotations = pod(name, service__podAnnotations={"a.b/c": "1"})["metadata"]["annotations"]
    assert {type(value) for value in annotations.values()} == {str}
    assert annotations["a.b/c"] == "1"


def test_a_service_can_do_nothing_but_its_work(name: str) -> None:
    spec = pod(name)["spec"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    assert spec["serviceAccountName"] == name
    assert container(name)["securityContext"] == {
        "runAsUser": 10001,
        "runAsGroup": 10001,
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert the("ServiceAccount", render(name))["automountServiceAccountToken"] is False


def test_only_tmp_is_writable(name: str) -> None:
    assert [mount["mountPath"] for mount in container(name)["volumeMounts"]] == ["/tmp"]  # noqa: S108  a path in the pod
    assert pod(name)["spec"]["volumes"] == [{"name": "tmp", "emptyDir": {"medium": "Memory", "sizeLimit": "16Mi"}}]


def test_a_claim_is_made_mounted_and_kept(name: str) -> None:
    manifests = render(name, service__claims={"/data": "64Mi"})
    claim = the("PersistentVolumeClaim", manifests)
    assert claim["spec"]["resources"]["requests"]["storage"] == "64Mi"
    assert claim["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    spec = the("Deployment", manifests)["spec"]["template"]["spec"]
    (mount,) = (m for m in spec["containers"][0]["volumeMounts"] if m["mountPath"] == "/data")
    (volume,) = (v for v in spec["volumes"] if v["name"] == mount["name"])
    assert volume["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]


def test_probes_ask_the_port_the_service_listens_on(name: str) -> None:
    it = container(name, service__port=4711)
    assert it["ports"] == [{"name": "http", "containerPort": 4711}]
    paths = {kind: it[kind]["httpGet"] for kind in it if kind.endswith("Probe")}
    assert paths == {
        "startupProbe": {"path": "/livez", "port": "http"},
        "livenessProbe": {"path": "/livez", "port": "http"},
        "readinessProbe": {"path": "/readyz", "port": "http"},
    }
    assert {"name": f"{name.upper()}_PORT", "value": "4711"} in it["env"]


def test_the_service_finds_the_pods_and_only_them(name: str) -> None:
    manifests = read(helm("template", name, str(CHARTS / name)))
    service = the("Service", manifests)
    assert service["spec"]["ports"] == [{"name": "http", "port": SERVICES[name], "targetPort": "http"}]
    selector = service["spec"]["selector"].items()
    deployment = the("Deployment", manifests)
    assert selector == deployment["spec"]["selector"]["matchLabels"].items()
    assert selector <= deployment["spec"]["template"]["metadata"]["labels"].items()
    test = the("Pod", manifests)
    assert not selector <= test["metadata"]["labels"].items()


def test_a_new_chart_version_alone_restarts_no_pod(name: str) -> None:
    labels = the("Deployment", render(name))["metadata"]["labels"]
    assert labels["helm.sh/chart"].startswith(f"{name}-")
    assert not {"helm.sh/chart", "app.kubernetes.io/version"} & pod(name)["metadata"]["labels"].keys()


def test_a_stopping_pod_drains_before_it_is_killed(name: str) -> None:
    spec = pod(name, service__drainSeconds=3, service__terminationGracePeriodSeconds=50)["spec"]
    assert spec["containers"][0]["lifecycle"] == {"preStop": {"sleep": {"seconds": 3}}}
    assert spec["terminationGracePeriodSeconds"] == 50


def test_what_a_stopping_pod_may_take_is_less_than_it_is_given(name: str) -> None:
    """Of the service that is what its own code says."""
    (main,) = (ROOT / "services" / name / "src").glob("*/__main__.py")
    found = re.search(r"^GRACE: Final = (\d+)$", main.read_text(), re.MULTILINE)
    assert found
    needed = 2 + int(found[1]) + 10
    with pytest.raises(
        RefusedError, match=rf"service\.terminationGracePeriodSeconds is {needed}, .* which are {needed}"
    ):
        render(name, service__terminationGracePeriodSeconds=needed)
    assert pod(name, service__terminationGracePeriodSeconds=needed + 1)


def test_the_image_is_the_tag_or_the_app_version(name: str) -> None:
    version = read((CHARTS / name / "Chart.yaml").read_text())[0]["appVersion"]
    assert container(name)["image"] == f"mandates/{name}:{version}"
    assert container(name, service__image__tag="t")["image"] == f"mandates/{name}:t"
