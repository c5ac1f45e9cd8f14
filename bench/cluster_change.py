"""How long a change takes until IoT tells it on a cluster, from inside it: three brokers, TLS, services in pods."""

import json
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.report import Row, Subject
from cluster import node
from cluster.target import Target, developer
from cluster.way import known
from operate.pod import run_in

_SECONDS = 300.0
_NAME = "bench"
_LABELS = {"app.kubernetes.io/name": _NAME}
_SERVICES = {"matchExpressions": [{"key": "app.kubernetes.io/name", "operator": "In", "values": ["crm", "iot"]}]}


def there() -> bool:
    """Whether a cluster runs: the one that CLUSTER names, `mandates` by default."""
    return node.answers(known(developer()))


def _measure(_: Path) -> Iterator[Row]:
    target = known(developer())
    manifests = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(_manifests(_image(target)))})
    try:
        target.kubectl("apply", "-f", "-", log=_NAME, stdin=manifests)
        target.kubectl("wait", "--for=condition=Ready", f"pod/{_NAME}", "--timeout=120s", log=_NAME)
        taken = json.loads(run_in(target, _NAME, "python", "-m", "bench.inside", timeout=_SECONDS))
    finally:
        target.kubectl("delete", "--ignore-not-found", "-f", "-", log=_NAME, stdin=manifests)
    cuts = statistics.quantiles(taken, n=100)
    yield Row(f"{len(taken):,} changes, one at a time: p50", [cuts[49]], "ms")
    yield Row("p99", [cuts[98]], "ms")


def _image(target: Target) -> str:
    """CRM's, which has what it takes. AssertionError without a CRM."""
    deployment = target.get("deployment", "crm")
    if deployment is None:
        raise AssertionError(f"there is no CRM on cluster {target.name}: run make up")
    return str(deployment["spec"]["template"]["spec"]["containers"][0]["image"])


def _manifests(image: str) -> Iterator[dict[str, Any]]:
    """A pod with the program, and the policies by which it may ask both services."""
    sources = {f"{name}.py": Path(__file__).with_name(f"{name}.py").read_text() for name in ("connection", "inside")}
    yield {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": _NAME}, "data": sources}
    yield _policy("asks", {"matchLabels": _LABELS}, "egress", "to", _SERVICES)
    yield _policy("asked", _SERVICES, "ingress", "from", {"matchLabels": _LABELS})
    yield {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": _NAME, "labels": _LABELS},
        "spec": {
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 1,
            "securityContext": {"runAsNonRoot": True, "runAsUser": 10001, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [
                {
                    "name": _NAME,
                    "image": image,
                    "command": ["sleep", "infinity"],
                    "env": [{"name": "PYTHONPATH", "value": "/sources"}],
                    "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
                    "volumeMounts": [{"name": "sources", "mountPath": "/sources/bench"}],
                }
            ],
            "volumes": [{"name": "sources", "configMap": {"name": _NAME}}],
        },
    }


def _policy(name: str, of: dict[str, Any], way: str, end: str, other: dict[str, Any]) -> dict[str, Any]:
    spec = {"podSelector": of, "policyTypes": [way.title()], way: [{end: [{"podSelector": other}]}]}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": f"{_NAME}-{name}"},
        "spec": spec,
    }


SUBJECT = Subject("The same on a cluster, from inside it: three brokers, TLS, both services in pods", _measure)
