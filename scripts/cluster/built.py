"""The way without an image registry: images and tools are built by offline/, nodes run in Podman."""

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from cluster import engine, host, node
from cluster.failure import Failure
from cluster.target import Target
from offline import engine as podman
from offline import plan
from offline.archive import FILE
from offline.image import tag
from offline.progress import step
from offline.step import CACHE, BuildError
from offline.versions import ROOT

# Program -> the Debian package that has it.
PROGRAMS = {
    "podman": "podman",
    "runc": "runc",
    "conmon": "conmon",
    "catatonit": "catatonit",
    "iptables": "iptables",
    "newuidmap": "uidmap",
    "mmdebstrap": "mmdebstrap",
    "mvn": "maven",
}
# Stands in the cache from the first build on: this machine builds its images.
BEGUN = CACHE / "images-are-built"
# Programs outside the PATH, in folders that podman looks into.
HELPERS = {"netavark": "netavark", "aardvark-dns": "aardvark-dns"}


def _needed() -> dict[str, str]:
    return PROGRAMS | {f"/usr/lib/podman/{name}": package for name, package in HELPERS.items()}


class Built:
    """Everything is built on this machine; what is built already is used as it is."""

    name = "build"
    engine = "podman"
    _archives = (plan.platform, plan.dapr_images)

    @staticmethod
    def is_usual() -> bool:
        """Tell whether this machine builds its images anyway: it has, or began to, or has all that it takes."""
        return BEGUN.exists() or plan.tools.done() or not host.missing([*_needed(), "go"])

    @property
    def path(self) -> Sequence[Path]:
        """Folders that come first on the PATH."""
        return [plan.tools.out, engine.AS_DOCKER]

    @property
    def env(self) -> Mapping[str, str]:
        """Variables for kind, kubectl, helm and skaffold."""
        path = os.pathsep.join([*map(str, self.path), os.environ["PATH"]])
        return {**engine.environment("podman"), **podman.environment(), "PATH": path}

    def bring_tools(self) -> None:
        """Do nothing: to build them takes minutes, and `prepare` does."""

    def prepare(self) -> None:
        """Install what building needs and build what is missing.

        :raises Failure: something cannot be installed or built.
        """
        BEGUN.parent.mkdir(parents=True, exist_ok=True)
        BEGUN.touch()
        host.install(_needed())
        if shutil.which("go") is None:
            remedy = "Install Go 1.21 or newer; it fetches the version it needs"
            raise Failure("the program go is not installed", remedy)
        host.require_disk(host.cache_size_needed(), CACHE)
        # kind mounts it into its nodes, also where the kernel has no modules.
        if not Path("/lib/modules").exists():
            Path("/lib/modules").mkdir(parents=True)
        try:
            plan.build_all()
        except BuildError as error:
            raise Failure(str(error), "Mend the cause and run it again: what is built is kept") from error
        engine.start_service(self.env)

    def require(self, gib: float) -> None:
        """Check the memory for a node.

        :raises Failure: there is less than `gib` GiB.
        """
        host.require_memory(gib)

    def node_image(self) -> str:
        """Return the image of a node."""
        return tag(plan.node)

    def fingerprint(self) -> str:
        """Return what changes with any of the images that are loaded into the node."""
        return ".".join(one.key for one in (plan.node, *self._archives))

    def cluster_config(self) -> dict[str, Any]:
        """Return kind's configuration.

        A process may not ask for a lower oom score than its user has, hence the zeros.
        """
        proxy = {
            "kind": "KubeProxyConfiguration",
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "oomScoreAdj": 0,
        }
        return node.config({"oomScoreAdj": 0}, proxy)

    def load_images(self, target: Target) -> None:
        """Load the platform's images into the node, unless it has them.

        :raises Failure: kind cannot load them.
        """
        for built in self._archives:
            if node.stamp(target, built.name) is None:
                with step(f"load {built.name}"):
                    target.run("kind", "load", "image-archive", built.out / FILE, "--name", target.name, log="kind")
                node.set_stamp(target, built.name, "loaded")

    def dapr_chart(self, _target: Target) -> Path:
        """Return the folder of the Dapr chart: the module that is built carries it."""
        return plan.dapr.out / "chart"

    def install_strimzi(self, target: Target) -> None:
        """Install Strimzi's CRDs and the stand-in for its operators.

        :raises Failure: the API server refuses something.
        """
        target.kubectl("apply", "--server-side", "--force-conflicts", "-f", plan.crds.out)
        # Only then does the API server know the kinds that the manifests name.
        target.kubectl("wait", "--for=condition=Established", "-f", plan.crds.out, "--timeout=60s")
        replace(target, namespace="strimzi").kubectl("apply", "-k", ROOT / "offline" / "strimzi" / "deploy")
