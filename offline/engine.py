"""Podman, set up for machines where its defaults do not work, without touching the machine's own settings."""

import os
import resource
import subprocess
from pathlib import Path

from offline.step import CACHE


def environment() -> dict[str, str]:
    """Return the variables with which podman, kind and skaffold must be run here.

    containers.conf: runc, since crun refuses hybrid cgroups; and the limits this user may really set,
    since podman's defaults are higher and a user without CAP_SYS_RESOURCE may not raise its own.
    """
    _, files = resource.getrlimit(resource.RLIMIT_NOFILE)
    _, processes = resource.getrlimit(resource.RLIMIT_NPROC)
    pids = int(Path("/proc/sys/kernel/pid_max").read_text())
    processes = min(pids, processes) if processes > 0 else pids
    conf = CACHE / "containers.conf"
    text = (
        "[containers]\n"
        f'default_ulimits = ["nofile={files}:{files}", "nproc={processes}:{processes}"]\n'
        "[engine]\n"
        'runtime = "runc"\n'
    )
    if not conf.exists() or conf.read_text() != text:
        conf.parent.mkdir(parents=True, exist_ok=True)
        part = conf.with_suffix(f".{os.getpid()}")
        part.write_text(text)
        part.rename(conf)
    return {"CONTAINERS_CONF": str(conf), "KIND_EXPERIMENTAL_PROVIDER": "podman"}


def image_exists(reference: str) -> bool:
    """Tell whether podman's storage has an image."""
    return _podman("image", "exists", reference).returncode == 0


def keep_only(reference: str) -> None:
    """Remove the images of the same name with other tags; what a container runs stays until the next time."""
    name = reference.rpartition(":")[0]
    # The filter also gives what else an image that fits is called.
    listed = _podman("images", "--format", "{{.Repository}}:{{.Tag}}", "--filter", f"reference={name}").stdout.split()
    if old := [one for one in listed if one.startswith(f"{name}:") and one != reference]:
        _podman("rmi", *old)


def _podman(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["podman", *words],
        env={**os.environ, **environment()},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
