"""The two ways to the same cluster, and the choice between them, which a cluster keeps while it lives."""

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from cluster import engine, host, node, tools
from cluster.built import Built
from cluster.failure import Failure
from cluster.node import Origin
from cluster.pulled import PROBE, Pulled, pull_fault
from cluster.target import Target
from offline import plan
from offline.progress import say, step

BUILD = "as root on Debian IMAGES=build make up builds all images instead"
WORDS = ("auto", "pull", "build")


class Way(Protocol):
    """Where images, charts and tools come from. Nothing else differs between two clusters."""

    name: str
    engine: str

    @property
    def path(self) -> Sequence[Path]:
        """Folders that come first on the PATH."""

    @property
    def env(self) -> Mapping[str, str]:
        """Variables for kind, kubectl, helm and skaffold."""

    def bring_tools(self) -> None:
        """Make those tools available that a cluster is asked and deleted with, or raise Failure."""

    def prepare(self) -> None:
        """Make tools and images available, or raise Failure."""

    def require(self, gib: float) -> None:
        """Check that a node with this memory can run here, or raise Failure."""

    def node_image(self) -> str:
        """Return the image of a node."""

    def fingerprint(self) -> str:
        """Return what changes with the images of which a cluster is made."""

    def cluster_config(self) -> dict[str, Any]:
        """Return kind's configuration of the cluster."""

    def load_images(self, target: Target) -> None:
        """Bring the platform's images into the node, where it does not pull them."""

    def dapr_chart(self, target: Target) -> Path:
        """Return the folder of the Dapr chart."""

    def install_strimzi(self, target: Target) -> None:
        """Install what reconciles the Kafka resources."""


def decide(target: Target, word: str | None = None) -> Way:
    """Return the way of a cluster: that by which it was made while it lives, else what IMAGES asks for.

    :param word: pull, build or auto, instead of the variable IMAGES.
    :raises Failure: a cluster that lives was made by the other one, or as `choose`.
    """
    word = _word(word)
    made = made_by(target)
    if made is None:
        return choose(word)
    made.bring_tools()
    if node.answers(replace(target, env=made.env)):
        if word not in ("auto", made.name):
            raise Failure(
                f"IMAGES={word}, but cluster {target.name} was made with IMAGES={made.name} and lives",
                "Run it without IMAGES, or make down first",
            )
        return made
    if word not in ("auto", made.name):
        way = choose(word)
        node.delete(replace(target, env=made.env))
        return way
    if isinstance(made, Pulled):
        anew = f"Mend that and run it again, or rm {node.note_of(target)} to decide anew by what it is made"
        _require_pull(made.engine, f" (cluster {target.name} was made with it)", anew)
    return made


def choose(word: str | None = None) -> Way:
    """Return the way that IMAGES asks for: pull, build, or auto, which tries one pull.

    Images are built unasked only where there is no container engine, or where they are built anyway.

    :param word: instead of the variable IMAGES.
    :raises Failure: the word is none of these, or nothing can be pulled; the engine's own reason is told.
    """
    word = _word(word)
    if word == "build":
        return Built()
    docker = engine.docker()
    if docker.fault is None:
        name = "docker"
    elif shutil.which("podman"):
        name = "podman"
    elif docker.installed:
        raise Failure(f"Docker does not answer: {docker.fault}", f"Mend that and run it again; {BUILD}")
    elif word == "auto" and (host.can_install() or Built.is_usual()):
        say("  ! no container engine that could pull an image: images are built (IMAGES=build)")
        return Built()
    else:
        raise Failure("neither Docker nor Podman is installed", f"Install one of them; {BUILD}")
    if word == "auto" and Built.is_usual():
        with step(f"try one pull with {name}"):
            fault = pull_fault(name)
        if fault:
            say(f"  ! no image can be pulled here ({fault}): images are built (IMAGES=build)")
            return Built()
    else:
        _require_pull(name, "" if name == "docker" or not docker.installed else f" (Docker: {docker.fault})")
    return Pulled(name)


def _require_pull(name: str, beside: str = "", remedy: str = f"Mend that and run it again; {BUILD}") -> None:
    with step(f"try one pull with {name}"):
        if fault := pull_fault(name):
            raise Failure(f"{name} cannot pull {PROBE}: {fault}{beside}", remedy)


def _word(word: str | None) -> str:
    word = word or os.environ.get("IMAGES") or "auto"
    if word not in WORDS:
        raise Failure(f"IMAGES={word} is none of {', '.join(WORDS)}", "Run it again with one of these")
    return word


def made_by(target: Target) -> Way | None:
    """Return the way by which a cluster was made, or None where that is not known or its engine is gone."""
    # Whichever kubectl there is: it asks the cluster for what is noted on it.
    folders = [*tools.folders(), plan.tools.out, *os.environ["PATH"].split(os.pathsep)]
    origin = node.origin_of(replace(target, env={"PATH": os.pathsep.join(map(str, folders))}))
    if origin is None or shutil.which(origin.engine) is None:
        return None
    return way_of(origin)


def way_of(origin: Origin) -> Way:
    """Return the way that was noted."""
    return Built() if origin.way == "build" else Pulled(origin.engine)


def in_use(target: Target) -> Way | None:
    """Return the way of a cluster that is there; where none is noted, that by which this machine would build."""
    if made := made_by(target):
        return made
    return Built() if plan.tools.done() and engine.docker().fault is not None else None


def known(target: Target) -> Target:
    """Return the cluster with the variables that its tools need."""
    way = in_use(target)
    return replace(target, env=way.env if way else {})
