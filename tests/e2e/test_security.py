"""Each row of the table in docs/security.md, tried as the one who wants it would try it."""

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import replace

import pytest
from kubernetes import client

from cluster.target import NAMESPACE, Target
from kafkatools import ask, settings_of
from offline.versions import ROOT
from operate.readmodel import live
from somebody import knock, labels_let_in_by, somebody
from test_forgery import SIDECAR, from_crm

TOPIC = "connection-mandates-topic"
BOOTSTRAP = "mandates-kafka-bootstrap"
# What one pod wants of another, and may not. (Of CRM to IoT: test_forgery.py.)
FORBIDDEN = [
    *(("deploy/crm", "redis", 6379), ("deploy/crm", "iot", 3008), ("deploy/iot", "crm", 3005)),
    *(("deploy/crm", BOOTSTRAP, 9092), ("deploy/crm", BOOTSTRAP, 9091), ("deploy/iot", BOOTSTRAP, 9091)),
    *(("deploy/crm", "kubernetes.default", 443), ("deploy/iot", "1.1.1.1", 443)),
]
ALLOWED = [("deploy/crm", BOOTSTRAP, 9093), ("deploy/iot", BOOTSTRAP, 9093), ("deploy/iot", "redis", 6379)]
EVERYTHING = [("redis", 6379), ("iot", 3008), ("crm", 3005), (BOOTSTRAP, 9093), (BOOTSTRAP, 9091)]


@pytest.fixture(scope="module")
def stranger(target: Target) -> Iterator[str]:
    """A pod in the same namespace, of whom nobody has heard."""
    with somebody(target, "stranger", {}) as pod:
        yield pod


def test_the_arrows_of_the_picture_are_open(target: Target) -> None:
    for pod, host, port in ALLOWED:
        assert knock(target, pod, host, port) == "open", (pod, host, port)


@pytest.mark.parametrize(("pod", "host", "port"), FORBIDDEN, ids=lambda one: str(one).removeprefix("deploy/"))
def test_an_arrow_that_is_not_in_the_picture_is_refused(target: Target, pod: str, host: str, port: int) -> None:
    assert knock(target, pod, host, port, seconds=2) == "refused"


def test_a_stranger_reaches_nothing(target: Target, stranger: str) -> None:
    for host, port in EVERYTHING:
        assert knock(target, stranger, host, port, seconds=2) == "refused", (host, port)


def test_a_pod_of_another_namespace_reaches_nothing(target: Target) -> None:
    outside = replace(target, namespace="default")
    with somebody(outside, "outsider", labels_let_in_by("iot"), live(target).image) as pod:
        for host, port in EVERYTHING:
            assert knock(outside, pod, f"{host}.{NAMESPACE}", port, seconds=2) == "refused", (host, port)


def test_kafka_lets_nobody_in_without_a_password(target: Target) -> None:
    plain = "/tmp/nobody.properties"  # noqa: S108  in the pod
    ask(
        target,
        f"cat > {plain}",
        "security.protocol=SSL\nssl.truststore.type=PEM\nssl.truststore.location=/etc/kafka/authority/ca.crt\n"
        "default.api.timeout.ms=4000\nrequest.timeout.ms=3000\n",
    )
    said = ask(target, f"kafka-topics.sh --list --command-config {plain}")
    assert TOPIC not in said
    assert re.search("Timeout|Authentication|disconnected", said), said
    wrong = settings_of(target, "operator")
    ask(target, f'sed -i s/password=\\"./password=\\"-/ {wrong}')
    assert "authentication" in ask(target, f"kafka-topics.sh --list --command-config {wrong}").lower()


def test_no_pod_of_the_namespace_may_be_more_than_restricted(target: Target) -> None:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "root"},
        "spec": {"containers": [{"name": "root", "image": "busybox", "securityContext": {"privileged": True}}]},
    }
    done = subprocess.run(
        target.words("create", "-f", "-"),
        env=target.environment,
        input=json.dumps(pod),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert 'violates PodSecurity "restricted' in done.stderr


def test_no_pod_has_rights_in_kubernetes(core: client.CoreV1Api) -> None:
    pods = core.list_namespaced_pod(NAMESPACE).items
    for pod in pods:
        # Strimzi's own operators write topics' and users' resources.
        if (pod.metadata.labels or {}).get("strimzi.io/name") != "mandates-entity-operator":
            mounted = [one.name for one in pod.spec.volumes or [] if one.projected and "kube-api-access" in one.name]
            assert mounted == [], pod.metadata.name


def test_sidecars_prove_who_they_are(target: Target) -> None:
    """Sentry has given each sidecar a certificate of its own, and none speaks to it without."""
    for name in ("crm", "iot"):
        said = target.output(*target.words("logs", f"deploy/{name}", "--container=daprd")) or ""
        assert "Starting workload identity expiry watcher" in said, said[:3000]


def test_crm_s_sidecar_publishes_to_no_other_topic(target: Target) -> None:
    for path in ("publish", "publish/bulk"):
        event = "[]" if path == "publish/bulk" else "{}"
        assert from_crm(target, f"{SIDECAR}/{path}/crm-pubsub/connection-mandates-dead-letter", event) == 403


def test_no_password_is_in_git_and_each_was_made_for_this_cluster(target: Target) -> None:
    listed = target.get("secrets") or {"items": []}
    names = {one["metadata"]["name"] for one in listed["items"]}
    assert names >= {"crm-app-token", "iot-app-token", "redis", "mariadb", "crm-mariadb", "crm", "iot", "operator"}
    manifests = "".join(path.read_text() for path in ROOT.glob("k8s/**/*.yaml"))
    assert "kind: Secret\n" not in manifests
