"""CRM and IoT: built, loaded and deployed by Skaffold; and the answer that shows that they work."""

import json
import re
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cluster.failure import Failure
from cluster.target import Target
from offline.progress import step
from offline.step import CACHE
from offline.versions import ROOT

# A proxy that the environment names has no part in what stays on this machine.
_directly = urllib.request.build_opener(urllib.request.ProxyHandler({})).open
# A row of customer-database.csv: Corinne Lopez, who allows billing only.
CONNECTION = "7733"


def build(target: Target) -> None:
    """Let Skaffold build the images whose sources changed, and kind load them into the nodes that lack them.

    :raises Failure: a build fails, or no node takes an image.
    """
    with step("build CRM and IoT"):
        _skaffold(target, "build", "--file-output", _built(target))
    with step("load CRM and IoT"):
        images = {one["tag"] for one in json.loads(_built(target).read_text())["builds"]}
        for image in sorted(images - _on_every_node(target)):
            # Each by itself: of several Podman saves the first alone.
            target.run("kind", "load", "docker-image", "--name", target.name, image, log="kind")


def deploy(target: Target, *profiles: str) -> None:
    """Let Skaffold deploy the images that `build` made and loaded; it waits until they are ready.

    :param profiles: of skaffold.yaml.
    :raises Failure: something is refused or does not become ready.
    """
    with step("deploy CRM and IoT"):
        chosen = [f"--profile={one}" for one in profiles]
        _skaffold(target, "deploy", "--build-artifacts", _built(target), "--load-images=false", *chosen)


def _on_every_node(target: Target) -> set[str]:
    """The images that no node lacks, without their registry, as far as kubelets have told. kind asks by an id, which
    Podman's archives do not keep."""
    nodes = (target.get("nodes") or {"items": []})["items"]
    there = [
        {name.partition("/")[2] for one in node["status"].get("images", []) for name in one.get("names", [])}
        for node in nodes
    ]
    return set.intersection(*there) if there else set()


def _built(target: Target) -> Path:
    return CACHE / f"{target.name}-built.json"


def _skaffold(target: Target, verb: str, *words: str | Path) -> None:
    common = ("--filename", ROOT / "skaffold.yaml", "--kube-context", target.context, "--interactive=false")
    target.run("skaffold", verb, *common, *words, log="skaffold")


def answer(target: Target, patience: float = 60) -> str:
    """Ask IoT for a connection of customer-database.csv, through a port-forward.

    :param patience: seconds to wait until the event has come through CRM, Kafka and Dapr.
    :returns: the body of IoT's answer.
    :raises Failure: there is none in time.
    """
    with step(f"IoT's answer for connection {CONNECTION}"), forwarded(target, "service/iot", 3008) as port:
        until = time.monotonic() + patience
        last = "no answer"
        while time.monotonic() < until:
            try:
                with _directly(f"http://127.0.0.1:{port}/?connectionId={CONNECTION}", timeout=5) as reply:
                    body: str = reply.read().decode()
                    json.loads(body)
                    return body
            except urllib.error.HTTPError as error:
                last = f"{error.code} {error.read().decode(errors='replace')}"
            except (OSError, ValueError) as error:
                last = str(error)
            time.sleep(0.2)  # between two looks at a condition
    raise Failure(
        f"IoT does not know connection {CONNECTION} after {patience:.0f} s ({last})",
        f"Look at kubectl --context {target.context} logs deploy/iot --all-containers, and deploy/crm",
    )


@contextmanager
def forwarded(target: Target, resource: str, port: int) -> Iterator[int]:
    """Forward a free local port to a port of a resource, as kubectl port-forward does; of a service's pods to one
    that stays.

    :raises Failure: kubectl cannot forward.
    """
    with subprocess.Popen(
        target.words("port-forward", _pod_of(target, resource), f":{port}"),
        env=target.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            match = re.search(r"127\.0\.0\.1:(\d+)", line)
            if not match:
                raise Failure(f"kubectl cannot forward to {resource}: {line.strip()}", "Run make up again")
            # kubectl says a line for each connection, and stands still once nobody reads them.
            threading.Thread(target=deque, args=(process.stdout, 0), daemon=True).start()
            yield int(match.group(1))
        finally:
            process.terminate()


def _pod_of(target: Target, resource: str) -> str:
    """Of a service a pod that stays. kubectl takes the one that has been ready longest, also while it is ending."""
    kind, _, name = resource.partition("/")
    slices = (
        target.get("endpointslices", f"--selector=kubernetes.io/service-name={name}") if kind == "service" else None
    )
    behind = [one for each in (slices or {"items": []})["items"] for one in each.get("endpoints") or []]
    staying = [one for one in behind if not one["conditions"].get("terminating")]
    if not staying:
        return resource
    chosen = max(staying, key=lambda one: bool(one["conditions"].get("ready")))
    return f"pod/{chosen['targetRef']['name']}"
