"""What every service is on the cluster, whichever chart it comes from."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from readme import readme, schema

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
    digest = f"sha256:{'0' * 64}"
    image = {"service__image__tag": "t", "service__image__digest": digest}
    assert container(name, **image)["image"] == f"mandates/{name}@{digest}"


def test_every_pod_of_a_release_is_pulled_and_placed_alike(name: str) -> None:
    placed = {
        "imagePullSecrets": [{"name": "registry"}],
        "nodeSelector": {"disk": "fast"},
        "tolerations": [{"key": "dedicated", "operator": "Exists", "effect": "NoSchedule"}],
        "priorityClassName": "high",
    }
    sets = [f"--set-json=service.{key}={json.dumps(value)}" for key, value in placed.items()]
    manifests = read(helm("template", name, str(CHARTS / name), *sets))
    for spec in (the("Deployment", manifests)["spec"]["template"]["spec"], the("Pod", manifests)["spec"]):
        assert placed.items() <= spec.items()


def test_replicas_are_spread_by_their_own_labels_unless_others_are_named(name: str) -> None:
    zones = {"maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "DoNotSchedule"}
    other = {"matchLabels": {"a": "b"}}
    manifests = render(name, service__topologySpreadConstraints=[zones, {**zones, "labelSelector": other}])
    deployment = the("Deployment", manifests)["spec"]
    assert deployment["template"]["spec"]["topologySpreadConstraints"] == [
        {**zones, "labelSelector": deployment["selector"]},
        {**zones, "labelSelector": other},
    ]
    affinity: Manifest = {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}}
    assert pod(name, service__affinity=affinity)["spec"]["affinity"] == affinity


def test_further_settings_and_labels_reach_the_pod(name: str) -> None:
    further = [
        {"name": f"{name.upper()}_KEEP_ALIVE_SECONDS", "value": "90"},
        {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
    ]
    assert container(name, service__extraEnv=further)["env"][-2:] == further
    assert pod(name, service__podLabels={"team": "meters"})["metadata"]["labels"]["team"] == "meters"


@pytest.mark.parametrize("taken", ["APP_API_TOKEN", "LOG_LEVEL"])
def test_a_setting_of_the_chart_is_not_set_a_second_time(name: str, taken: str) -> None:
    with pytest.raises(RefusedError, match=f"service.extraEnv: {taken} is set by the chart itself"):
        render(name, service__extraEnv=[{"name": taken, "value": "x"}])


def test_service_and_account_bear_annotations(name: str) -> None:
    manifests = render(name, service__serviceAnnotations={"a": "1"}, service__serviceAccountAnnotations={"b": "2"})
    assert the("Service", manifests)["metadata"]["annotations"] == {"a": "1"}
    assert the("ServiceAccount", manifests)["metadata"]["annotations"] == {"b": "2"}


# What leads in from outside; neither deliveries (IoT's /mandates) nor /announcements of CRM nor probes and metrics.
OUTSIDE = {"crm": [("/", "Exact"), ("/customers", "Prefix")], "iot": [("/", "Exact"), ("/connections", "Prefix")]}


def test_an_ingress_leads_to_the_services_own_resources_alone(name: str) -> None:
    ingress = {"className": "nginx", "host": "h.example.com", "tlsSecret": "h-tls", "annotations": {"a": "b"}}
    made = the("Ingress", render(name, service__ingress=ingress))
    assert made["metadata"]["annotations"] == {"a": "b"}
    assert made["spec"]["ingressClassName"] == "nginx"
    assert made["spec"]["tls"] == [{"hosts": ["h.example.com"], "secretName": "h-tls"}]
    (rule,) = made["spec"]["rules"]
    assert rule["host"] == "h.example.com"
    assert [(path["path"], path["pathType"]) for path in rule["http"]["paths"]] == OUTSIDE[name]
    backends = [path["backend"]["service"] for path in rule["http"]["paths"]]
    assert backends == [{"name": name, "port": {"name": "http"}}] * 2


def test_a_route_of_a_gateway_leads_to_the_same_and_lets_iot_only_be_read(name: str) -> None:
    route = {"parentRefs": [{"name": "gateway", "namespace": "edge"}], "hostnames": ["h.example.com"]}
    spec = the("HTTPRoute", render(name, service__httpRoute=route))["spec"]
    assert route.items() <= spec.items()
    (rule,) = spec["rules"]
    assert rule["backendRefs"] == [{"name": name, "port": SERVICES[name]}]
    paths = {(match["path"]["value"], match["path"]["type"].removeprefix("Path")) for match in rule["matches"]}
    assert paths == set(OUTSIDE[name])
    methods = {match["method"] for match in rule["matches"]}
    assert methods == ({"GET", "HEAD"} if name == "iot" else {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})


def test_a_pod_begins_when_the_network_lets_it_reach_its_broker(name: str) -> None:
    (first,) = pod(name)["spec"]["initContainers"]
    assert first["command"][:2] == ["bash", "-c"]
    assert "/dev/tcp/mandates-kafka-bootstrap/9093" in first["command"][2]
    assert first["securityContext"] == container(name)["securityContext"]
    assert "initContainers" not in pod(name, service__dapr={"broker": ""})["spec"]


def test_a_pod_monitor_reads_the_service_and_its_sidecar(name: str) -> None:
    manifests = render(name, service__podMonitor={"interval": "30s", "labels": {"release": "prometheus"}})
    monitor = the("PodMonitor", manifests)
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    assert monitor["spec"]["selector"] == the("Deployment", manifests)["spec"]["selector"]
    assert monitor["spec"]["podMetricsEndpoints"] == [
        {"port": "http", "path": "/metrics", "interval": "30s"},
        {"port": "dapr-metrics", "path": "/", "interval": "30s"},
    ]


def test_the_readme_tells_the_values_of_today(name: str) -> None:
    made = readme(name)
    assert (CHARTS / name / "README.md").read_text() == made, "scripts/mandates exec python scripts/readme.py"
    keys = {f"service.{key}" for key in schema("service")["properties"]} | set(schema(name)["properties"])
    # What holds others is told by those.
    told = {key for key in keys if f"`{key}`" in made or f"`{key}." in made}
    assert keys - told == {"service.global", "global"}


def test_packed_it_needs_nothing_of_the_checkout(name: str, tmp_path: Path) -> None:
    """As it comes from a registry: `helm push` takes this archive."""
    helm("package", str(CHARTS / name), "--destination", str(tmp_path))
    (archive,) = tmp_path.iterdir()
    assert read(helm("template", "--skip-tests", name, str(archive))) == render(name)
    assert helm("show", "readme", str(archive)).strip() == readme(name).strip()


def test_an_older_kubernetes_is_refused(name: str) -> None:
    with pytest.raises(RefusedError, match=r"requires kubeVersion: >=1\.30\.0-0 .* incompatible"):
        helm("template", name, str(CHARTS / name), "--kube-version", "1.29.0")
