"""The way without an image registry: images and tools are built by offline/, nodes run in Podman."""

import os
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from cluster import engine, host, node
from cluster.failure import Failure
from cluster.target import Target
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
# Programs outside the PATH, in folders that podman looks into.
HELPERS = {"netavark": "netavark", "aardvark-dns": "aardvark-dns"}


class Built:
    """Everything is built on this machine; what is built already is used as it is."""

    name = "build"
    _archives = (plan.platform, plan.dapr_images)

    @property
    def env(self) -> Mapping[str, str]:
        """Variables for kind, kubectl, helm and skaffold."""
        path = f"{plan.tools.out}{os.pathsep}{os.environ['PATH']}"
        return {**engine.environment("podman"), "PATH": path}

    def prepare(self) -> None:
        """Install what building needs and build what is missing.

        :raises Failure: something cannot be installed or built.
        """
        host.install(PROGRAMS | {f"/usr/lib/podman/{name}": package for name, package in HELPERS.items()})
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
        engine.start_service()

    def node_image(self) -> str:
        """Return the image of a node."""
        return tag(plan.node)

    def fingerprint(self) -> str:
        """Return what changes with any of the images that are loaded into the node."""
        return ".".join(one.key for one in (plan.node, *self._archives))

    def cluster_config(self) -> dict[str, Any]:
        """Return kind's configuration: the node has a network of its own and runs on cgroup v1 too.

        A process may not ask for a lower oom score than its user has, hence the zeros.
        """
        kubelet = {"failCgroupV1": False, "oomScoreAdj": 0}
        proxy = {
            "kind": "KubeProxyConfiguration",
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "oomScoreAdj": 0,
        }
        return node.config(kubelet, proxy) | {"networking": {"disableDefaultCNI": True}}

    def load_images(self, target: Target) -> None:
        """Load the platform's images into the node, unless it has them.

        :raises Failure: kind cannot load them.
        """
        for built in self._archives:
            if node.stamp(target, built.name) is None:
                with step(f"load {built.name}"):
                    target.run("kind", "load", "image-archive", built.out / FILE, "--name", target.name, log="kind")
                node.set_stamp(target, built.name, "loaded")

    def dapr_chart(self) -> list[str]:
        """Return helm's words that name the Dapr chart: the module that is built carries it."""
        return [str(plan.dapr.out / "chart")]

    def install_strimzi(self, target: Target) -> None:
        """Install Strimzi's CRDs and the stand-in for its operators.

        :raises Failure: the API server refuses something.
        """
        target.kubectl("apply", "--server-side", "--force-conflicts", "-f", plan.crds.out)
        # Only then does the API server know the kinds that the manifests name.
        target.kubectl("wait", "--for=condition=Established", "-f", plan.crds.out, "--timeout=60s")
        replace(target, namespace="strimzi").kubectl("apply", "-k", ROOT / "offline" / "strimzi" / "deploy")
