"""The kind cluster itself: made, found healthy, healed, deleted."""

from pathlib import Path
from typing import Any, NamedTuple

import yaml

from cluster.failure import Failure
from cluster.target import Target
from offline.progress import say, step


class Origin(NamedTuple):
    """How a cluster was made; it stays so while it lives.

    :param way: "pull" or "build".
    :param engine: "docker" or "podman".
    """

    way: str
    engine: str


def config(kubelet: dict[str, Any], *patches: dict[str, Any]) -> dict[str, Any]:
    """Return kind's configuration of a cluster with one node.

    :param kubelet: settings of the kubelet's own configuration.
    :param patches: documents that kubeadm's configuration is patched with.
    """
    # Dapr's pods wait at their first start for a ConfigMap of Sentry's; by default one reaches a pod
    # that runs already only after a minute or more.
    document = {
        "kind": "KubeletConfiguration",
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "syncFrequency": "10s",
        # Kubernetes still runs on version 1 of control groups, which older machines have, only when told to.
        "failCgroupV1": False,
        **kubelet,
    }
    return {
        "kind": "Cluster",
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "kubeadmConfigPatches": [yaml.safe_dump(one) for one in (document, *patches)],
    }


def exists(target: Target) -> bool:
    """Tell whether kind knows a cluster of this name; its processes may be dead all the same.

    :raises Failure: kind does not say.
    """
    listed = target.output("kind", "get", "clusters", timeout=60)
    # Taken for none at all, it would cost the cluster that is there.
    if listed is None:
        raise Failure("kind get clusters fails or takes more than 60 s", "Look whether the container engine answers")
    return target.name in listed.split()


def answers(target: Target) -> bool:
    """Tell whether the API server answers and the node is Ready.

    The container engine still says Up of a node whose processes were killed, so it is not asked.
    """
    nodes = target.get("nodes", timeout=10)
    if not nodes or not nodes["items"]:
        return False
    conditions = nodes["items"][0]["status"]["conditions"]
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def ensure(target: Target, image: str, config: dict[str, Any], fingerprint: str, origin: Origin) -> None:
    """Make the cluster, unless a healthy one made from the same images is there.

    :param fingerprint: changes with any image that nodes do not pull for themselves.
    :param origin: noted on the cluster, and beside its kubeconfig for when it is dead.
    :raises Failure: kind cannot make it.
    """
    stamps = {"images": fingerprint, "way": origin.way, "engine": origin.engine}
    if exists(target):
        made_from = _stamps(target) if answers(target) else {}
        if made_from.get("images") == fingerprint:
            if not stamps.items() <= made_from.items():
                _set_stamps(target, stamps)
            _note(target, origin)
            return
        why = "was made from other images" if "images" in made_from else "is dead or half made"
        say(f"  ! cluster {target.name} {why}: it is made anew")
        delete(target)
    # From before it is there: what a killed run left half made can be deleted too.
    _note(target, origin)
    words = ["--name", target.name, "--image", image, "--kubeconfig", str(target.kubeconfig), "--config", "-"]
    with step(f"kind cluster {target.name}"):
        try:
            target.run("kind", "create", "cluster", *words, "--wait=90s", log="kind", stdin=yaml.safe_dump(config))
        except (Failure, KeyboardInterrupt):
            delete(target)
            raise
    _set_stamps(target, stamps)
    # So that the user's own commands need not name it. What he makes current later stays.
    target.run("kubectl", "config", "set-context", target.context, f"--namespace={target.namespace}", log="kubectl")


def delete(target: Target) -> None:
    """Delete the cluster, dead or alive, its context in the kubeconfig, and what is noted beside that."""
    target.run("kind", "delete", "cluster", "--name", target.name, "--kubeconfig", target.kubeconfig, log="kind")
    note_of(target).unlink(missing_ok=True)


def note_of(target: Target) -> Path:
    """Return the file beside the kubeconfig in which the cluster's origin is noted."""
    return target.kubeconfig.with_name(f"{target.context}.way")


def _note(target: Target, origin: Origin) -> None:
    note = note_of(target)
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_text(" ".join(origin) + "\n")


def origin_of(target: Target) -> Origin | None:
    """Return how the cluster was made, or None where nothing tells: there is none, or it is older than such notes."""
    note = note_of(target)
    if note.exists():
        words: list[str | None] = [*note.read_text().split()]
    else:
        stamps = _stamps(target)
        words = [stamps.get("way"), stamps.get("engine")]
    match words:
        case ["pull" | "build" as way, "docker" | "podman" as engine]:
            return Origin(way, engine)
    return None


def stamp(target: Target, what: str) -> str | None:
    """Return what was noted on the node as done, such as which images it has."""
    return _stamps(target).get(what)


def _stamps(target: Target) -> dict[str, str]:
    nodes = target.get("nodes", timeout=10)
    if not nodes or not nodes["items"]:
        return {}
    annotations: dict[str, str] = nodes["items"][0]["metadata"].get("annotations", {})
    ours = "mandates/"
    return {name.removeprefix(ours): value for name, value in annotations.items() if name.startswith(ours)}


def set_stamp(target: Target, what: str, value: str) -> None:
    """Note on the node that something is done; it goes with the cluster.

    :raises Failure: the API server does not take it.
    """
    _set_stamps(target, {what: value})


def _set_stamps(target: Target, stamps: dict[str, str]) -> None:
    words = [f"mandates/{what}={value}" for what, value in stamps.items()]
    target.kubectl("annotate", "nodes", "--all", "--overwrite", *words)
