"""The way with image registries: official images, charts and kind's own node image, in Docker or Podman."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cluster import chart, engine, host, node, tools
from cluster.failure import Failure
from cluster.target import Target
from offline.progress import step
from offline.versions import canonical, image

# Seconds in which a registry must have delivered one image, or there is none. (Where it cannot be reached at
# all, the engine says so by itself, long before.)
PATIENCE = 300
PROBE = canonical(image("redis"))
"""The smallest image that is needed anyway."""

ROOTLESS = "https://kind.sigs.k8s.io/docs/user/rootless/"
HYBRID = Path("/sys/fs/cgroup/unified")


def pull_fault(name: str) -> str | None:
    """Try one pull; return None when it works, otherwise the engine's reason."""
    try:
        tried = subprocess.run(
            [name, "pull", "--quiet", PROBE],
            env={**os.environ, **engine.environment(name)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    except FileNotFoundError:
        return "it is not installed"
    except subprocess.TimeoutExpired:
        return f"it did not come in {PATIENCE} s"
    if tried.returncode == 0:
        return None
    return engine.last_line(tried.stderr) or f"{name} pull ended with {tried.returncode}"


class Pulled:
    """Everything comes from image registries and chart repositories.

    :param engine_name: "docker" or "podman".
    """

    name = "pull"

    def __init__(self, engine_name: str) -> None:
        self.engine = engine_name

    @property
    def path(self) -> Sequence[Path]:
        """Folders that come first on the PATH."""
        return [*tools.folders(), *([engine.AS_DOCKER] if self.engine == "podman" else [])]

    @property
    def env(self) -> Mapping[str, str]:
        """Variables for kind, kubectl, helm and skaffold."""
        # A shell with the variables of a cluster in Podman has Podman for Docker on its PATH.
        others = [one for one in os.environ["PATH"].split(os.pathsep) if one != str(engine.AS_DOCKER)]
        return {**engine.environment(self.engine), "PATH": os.pathsep.join([*map(str, self.path), *others])}

    def bring_tools(self) -> None:
        """Fetch those tools that are missing.

        :raises Failure: one cannot be fetched.
        """
        tools.bring()

    def prepare(self) -> None:
        """Fetch the tools that are missing, and let Podman answer as Docker.

        :raises Failure: a tool cannot be fetched, or Podman does not answer.
        """
        self.bring_tools()
        if self.engine == "podman":
            engine.start_service(self.env)

    def require(self, gib: float) -> None:
        """Check that a node can run in the engine, before one is made.

        :param gib: memory that it needs.
        :raises Failure: something is missing.
        """
        told = engine.facts(self.engine, self.env)
        _require_rights(self.engine, told)
        if told.memory < gib:
            raise Failure(
                f"the cluster needs {gib:.0f} GiB of memory, the machine that {self.engine} runs on has "
                f"{told.memory:.1f} GiB",
                "Give it more (Docker Desktop: Settings, Resources; podman machine set --memory) and run it again",
            )
        host.require_memory(gib)

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

    def dapr_chart(self, target: Target) -> Path:
        """Return the folder of the Dapr chart.

        :raises Failure: it cannot be fetched.
        """
        return chart.bring(target, "dapr")

    def install_strimzi(self, target: Target) -> None:
        """Install the Strimzi operators with their chart, its CRDs first: helm never changes those that are there.

        :raises Failure: helm or kubectl cannot.
        """
        with step("Strimzi operators"):
            folder = chart.bring(target, "strimzi")
            crds = ("-f", folder / "crds")
            target.kubectl("apply", "--server-side", "--force-conflicts", *crds, log="strimzi")
            target.kubectl("wait", "--for=condition=Established", *crds, "--timeout=60s", log="strimzi")
            target.run(
                *("helm", "upgrade", "--install", "strimzi", folder, "--kube-context", target.context),
                *("--namespace", "strimzi", "--create-namespace", "--skip-crds"),
                *("--set", "watchAnyNamespace=true", "--wait", f"--timeout={chart.PATIENCE}s"),
                # Kafka's pods and those of its other operators are as the namespace demands: k8s/namespace.yaml.
                *("--set", "extraEnvs[0].name=STRIMZI_POD_SECURITY_PROVIDER_CLASS"),
                *("--set", "extraEnvs[0].value=restricted"),
                log="strimzi",
            )


def _require_rights(name: str, told: engine.Facts) -> None:
    """Check what a rootless engine needs, as kind does, and that Podman's crun can start anything here.

    :raises Failure: something is missing.
    """
    if told.rootless and told.cgroup < 2:
        raise Failure(
            f"{name} runs rootless, and that needs control groups of version 2: this machine has version 1",
            f"Use a rootful {name} (as root), or boot with systemd.unified_cgroup_hierarchy=1: {ROOTLESS}",
        )
    if told.rootless and (lacking := {"cpu", "memory", "pids"} - told.limits):
        raise Failure(
            f"{name} runs rootless and may not limit {', '.join(sorted(lacking))} of its containers",
            f"Put Delegate=yes under [Service] in /etc/systemd/system/user@.service.d/delegate.conf: {ROOTLESS}",
        )
    if name == "podman" and told.runtime == "crun" and told.cgroup < 2 and sys.platform == "linux" and HYBRID.is_dir():
        raise Failure(
            "Podman starts containers with crun, which refuses this machine's hybrid control groups",
            'Install runc, and put runtime = "runc" under [engine] in /etc/containers/containers.conf',
        )
