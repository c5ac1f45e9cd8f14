"""What the services stand on, and how they stand on it, as kubectl shows it."""

import json
import re

import pytest
from kubernetes import client

from cluster.target import NAMESPACE, Target
from polling import poll_until

MEBI = 1024**2


def pod_of(core: client.CoreV1Api, name: str) -> client.V1Pod:
    """The one running pod of a service, also just after a rollout."""

    def look() -> client.V1Pod | None:
        listed = core.list_namespaced_pod(NAMESPACE, label_selector=f"app.kubernetes.io/name={name}").items
        running = [pod for pod in listed if pod.metadata.deletion_timestamp is None]
        assert len(running) == 1, [pod.metadata.name for pod in running]
        return running[0] if all(one.ready for one in statuses(running[0])) else None

    pod = poll_until(look, f"one ready pod of {name}", seconds=60)
    assert pod is not None
    return pod


def statuses(pod: client.V1Pod) -> list[client.V1ContainerStatus]:
    """The state of the service's container, of its sidecar, and of what has waited for the network before them."""
    return [*(pod.status.init_container_statuses or []), *(pod.status.container_statuses or [])]


def test_all_nodes_are_ready(core: client.CoreV1Api) -> None:
    nodes = core.list_node().items
    assert nodes
    for node in nodes:
        assert {one.type: one.status for one in node.status.conditions}["Ready"] == "True"


@pytest.mark.parametrize("name", ["crm", "iot"])
def test_a_service_runs_beside_the_sidecar_that_dapr_injected(core: client.CoreV1Api, name: str) -> None:
    pod = pod_of(core, name)
    assert {one.name for one in statuses(pod)} == {"network", name, "daprd"}
    assert pod.metadata.annotations["dapr.io/app-id"] == name


@pytest.mark.parametrize("name", ["crm", "iot"])
def test_a_service_has_no_rights_that_it_does_not_need(target: Target, core: client.CoreV1Api, name: str) -> None:
    pod = pod_of(core, name)
    container = next(one for one in pod.spec.containers if one.name == name)
    assert container.security_context.read_only_root_filesystem
    assert container.security_context.capabilities.drop == ["ALL"]
    kubectl = target.words("exec", pod.metadata.name, "--container", name, "--")
    assert (target.output(*kubectl, "id", "-u") or "").strip() == "10001"
    assert target.output(*kubectl, "touch", "/app/x") is None
    assert target.output(*kubectl, "ls", "/var/run/secrets/kubernetes.io") is None


@pytest.mark.parametrize("name", ["crm", "iot"])
def test_a_service_is_small(target: Target, core: client.CoreV1Api, name: str) -> None:
    pod = pod_of(core, name)
    kubectl = target.words("exec", pod.metadata.name, "--container", name, "--")
    status = target.output(*kubectl, "cat", "/proc/1/status") or ""
    resident = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert resident, status
    assert int(resident[1]) * 1024 < 80 * MEBI


@pytest.mark.parametrize("name", ["crm", "iot"])
def test_a_service_logs_one_json_object_a_line(core: client.CoreV1Api, name: str) -> None:
    pod = pod_of(core, name)
    lines = core.read_namespaced_pod_log(pod.metadata.name, NAMESPACE, container=name).splitlines()
    assert lines
    for line in lines:
        assert {"time", "level", "message"} <= json.loads(line).keys()


def test_dapr_keeps_what_the_manifests_declare(custom: client.CustomObjectsApi) -> None:
    listed = custom.list_namespaced_custom_object("dapr.io", "v1alpha1", NAMESPACE, "components")["items"]
    assert {one["metadata"]["name"]: one["scopes"] for one in listed} == {
        "crm-pubsub": ["crm"],
        "iot-pubsub": ["iot", "iot-green"],
        "statestore": ["iot", "iot-green"],
    }
