"""The way with image registries: official images, charts and kind's own node image, in Docker or Podman."""

import os
import subprocess
from collections.abc import Mapping
from typing import Any

from cluster import engine, host, node
from cluster.failure import Failure
from cluster.target import Target
from offline.progress import step
from offline.versions import canonical, image, version

TOOLS = ("kind", "kubectl", "helm", "skaffold")
# Seconds in which a registry must have delivered one image, or there is none.
PATIENCE = 60


def can_pull(name: str) -> bool:
    """Try one pull, of the smallest image that is needed anyway."""
    reference = canonical(image("redis"))
    try:
        tried = subprocess.run(
            [name, "pull", "--quiet", reference],
            env={**os.environ, **engine.environment(name)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return False
    return tried.returncode == 0


class Pulled:
    """Everything comes from image registries and chart repositories.

    :param engine_name: "docker" or "podman".
    """

    name = "pull"

    def __init__(self, engine_name: str) -> None:
        self.engine = engine_name

    @property
    def env(self) -> Mapping[str, str]:
        """Variables for kind, kubectl, helm and skaffold."""
        return {**engine.environment(self.engine), "PATH": os.environ["PATH"]}

    def prepare(self) -> None:
        """Check that the tools are installed.

        :raises Failure: one is not.
        """
        if absent := host.missing(TOOLS):
            wanted = ", ".join(f"{name} {version('tools', name)}" for name in absent)
            raise Failure(
                f"needed and not installed: {wanted}",
                "Install it as its project's site says, or run IMAGES=build make up, which builds all tools",
            )
        if self.engine == "podman":
            engine.start_service()

    def node_image(self) -> str:
        """Return the image of a node: kind's own."""
        return image("node")

    def fingerprint(self) -> str:
        """Return what changes with the node's image; it pulls the others when manifests name new ones."""
        return self.node_image().rpartition(":")[2]

    def cluster_config(self) -> dict[str, Any]:
        """Return kind's configuration: its defaults are right here."""
        return node.config({})

    def load_images(self, target: Target) -> None:
        """Do nothing: the nodes pull what they run."""

    def dapr_chart(self) -> list[str]:
        """Return helm's words that name the Dapr chart."""
        repository = version("charts", "dapr")
        return ["dapr", "--repo", repository, "--version", version("platform", "dapr")]

    def install_strimzi(self, target: Target) -> None:
        """Install the Strimzi operators with their chart.

        :raises Failure: helm cannot.
        """
        with step("Strimzi operators"):
            target.run(
                *("helm", "upgrade", "--install", "strimzi", "strimzi-kafka-operator"),
                *("--kube-context", target.context, "--repo", version("charts", "strimzi")),
                *("--version", version("platform", "strimzi"), "--namespace", "strimzi", "--create-namespace"),
                *("--set", "watchAnyNamespace=true", "--wait", "--timeout=5m"),
                log="strimzi",
            )
