"""A pod of the suite's own, that asks others as any pod could."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from cluster.target import Target
from operate.pod import run_in
from operate.readmodel import live

# Prints what came of a connection: open, or refused, which for a policy that drops is silence.
_KNOCK = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=float(sys.argv[3])).close()
    print("open")
except OSError as error:
    print("refused" if not isinstance(error, socket.gaierror) else f"no such name: {error}")
"""


def tester(name: str) -> dict[str, str]:
    """The labels by which a service's policy lets the pod of its `helm test` in."""
    return {"app.kubernetes.io/part-of": "mandates", "app.kubernetes.io/component": f"test-of-{name}"}


def knock(target: Target, pod: str, host: str, port: int, seconds: float = 5) -> str:
    """Connect from a pod that has Python: "open" or "refused"."""
    return run_in(target, pod, "python", "-c", _KNOCK, host, str(port), str(seconds)).strip()


@contextmanager
def somebody(target: Target, name: str, labels: Mapping[str, str], image: str | None = None) -> Iterator[str]:
    """Run a pod with Python, by itself of IoT's image, for the length of a block; yields `pod/NAME`."""
    container = {
        "name": "python",
        "image": image or live(target).image,
        "command": ["sleep", "infinity"],
        "securityContext": {
            "runAsUser": 10001,
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    spec = {
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 0,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
    }
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": dict(labels)}, "spec": spec}
    target.kubectl("apply", "-f", "-", stdin=json.dumps(pod))
    try:
        target.kubectl("wait", "--for=condition=Ready", f"pod/{name}", "--timeout=60s")
        yield f"pod/{name}"
    finally:
        target.kubectl("delete", "pod", name, "--wait=false")
