"""The two ways to the same cluster, and the choice between them."""

import os
import shutil
from collections.abc import Mapping
from typing import Any, Protocol

from cluster import engine
from cluster.built import Built
from cluster.failure import Failure
from cluster.pulled import Pulled, can_pull
from cluster.target import Target
from offline import plan
from offline.progress import say, step


class Way(Protocol):
    """Where images, charts and tools come from. Nothing else differs between two clusters."""

    name: str

    @property
    def env(self) -> Mapping[str, str]:
        """Variables for kind, kubectl, helm and skaffold."""

    def prepare(self) -> None:
        """Make tools and images available, or raise Failure."""

    def node_image(self) -> str:
        """Return the image of a node."""

    def fingerprint(self) -> str:
        """Return what changes with the images of which a cluster is made."""

    def cluster_config(self) -> dict[str, Any]:
        """Return kind's configuration of the cluster."""

    def load_images(self, target: Target) -> None:
        """Bring the platform's images into the node, where it does not pull them."""

    def dapr_chart(self) -> list[str]:
        """Return helm's words that name the Dapr chart."""

    def install_strimzi(self, target: Target) -> None:
        """Install what reconciles the Kafka resources."""


def choose(word: str | None = None) -> Way:
    """Return the way that IMAGES asks for: pull, build, or auto, which tries one pull.

    :param word: instead of the variable IMAGES.
    :raises Failure: the word is none of these, or nothing can be pulled and IMAGES=pull.
    """
    word = word or os.environ.get("IMAGES", "auto")
    if word not in ("auto", "pull", "build"):
        raise Failure(f"IMAGES={word} is none of auto, pull, build", "Run it again with one of these")
    if word == "build":
        return Built()
    name = "docker" if engine.docker_answers() else "podman" if shutil.which("podman") else None
    if name is None:
        if word == "auto":
            say("  ! no container engine that could pull an image: images are built (IMAGES=build)")
            return Built()
        raise Failure("IMAGES=pull, but neither Docker nor Podman runs here", "Start Docker, or run with IMAGES=build")
    with step(f"try one pull with {name}"):
        reachable = can_pull(name)
    if reachable:
        return Pulled(name)
    if word == "auto":
        say("  ! no image can be pulled here: images are built (IMAGES=build)")
        return Built()
    raise Failure(f"IMAGES=pull, but {name} cannot pull an image", "Check the network, or run with IMAGES=build")


def environment() -> dict[str, str]:
    """Return the variables with which tools work on a cluster that is up, as the way in use sets them."""
    return dict(Built().env) if plan.tools.done() and not engine.docker_answers() else {}
