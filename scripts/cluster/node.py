"""The kind cluster itself: made, found healthy, healed, deleted."""

from typing import Any

import yaml

from cluster.failure import Failure
from cluster.target import Target
from offline.progress import say, step


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


def ensure(target: Target, image: str, config: dict[str, Any], fingerprint: str) -> None:
    """Make the cluster, unless a healthy one made from the same images is there.

    :param fingerprint: changes with any image that nodes do not pull for themselves.
    :raises Failure: kind cannot make it.
    """
    if exists(target):
        made_from = stamp(target, "images") if answers(target) else None
        if made_from == fingerprint:
            return
        why = "was made from other images" if made_from else "is dead or half made"
        say(f"  ! cluster {target.name} {why}: it is made anew")
        delete(target)
    target.kubeconfig.parent.mkdir(parents=True, exist_ok=True)
    words = ["--name", target.name, "--image", image, "--kubeconfig", str(target.kubeconfig), "--config", "-"]
    with step(f"kind cluster {target.name}"):
        try:
            target.run("kind", "create", "cluster", *words, "--wait=90s", log="kind", stdin=yaml.safe_dump(config))
        except (Failure, KeyboardInterrupt):
            delete(target)
            raise
    set_stamp(target, "images", fingerprint)


def delete(target: Target) -> None:
    """Delete the cluster, dead or alive, and its context in the kubeconfig."""
    target.run("kind", "delete", "cluster", "--name", target.name, "--kubeconfig", target.kubeconfig, log="kind")


def stamp(target: Target, what: str) -> str | None:
    """Return what was noted on the node as done, such as which images it has."""
    nodes = target.get("nodes", timeout=10)
    if not nodes or not nodes["items"]:
        return None
    annotations: dict[str, str] = nodes["items"][0]["metadata"].get("annotations", {})
    return annotations.get(f"mandates/{what}")


def set_stamp(target: Target, what: str, value: str) -> None:
    """Note on the node that something is done; it goes with the cluster.

    :raises Failure: the API server does not take it.
    """
    target.kubectl("annotate", "nodes", "--all", "--overwrite", f"mandates/{what}={value}")
