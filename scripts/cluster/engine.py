"""The container engine: kind's nodes run in it, images are built in it."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster.command import log_file, output
from cluster.failure import Failure
from offline.step import CACHE

SOCKET = CACHE / "podman.sock"
PID = CACHE / "podman.pid"
# Seconds in which a service that starts answers, and an engine that is asked something.
PATIENCE = 20
DOCKER_SOCKET = Path("/var/run/docker.sock")
# Where Debian has its daemons, which is not on everybody's PATH.
SBIN = "/usr/sbin"

AS_DOCKER = CACHE / "as-docker"
"""A folder for the PATH, with Podman under Docker's name: kind asks `docker` for each image that it loads,
whatever engine its nodes run in."""
_AS_DOCKER = '#!/bin/sh\nexec podman "$@"\n'


@dataclass(frozen=True)
class Docker:
    """What was found of Docker on this machine.

    :param installed: there is an engine, not only a client or Podman under its name.
    :param fault: why it does not answer; None when it does.
    """

    installed: bool
    fault: str | None


def docker() -> Docker:
    """Look for a Docker engine. Podman is none, neither under Docker's name nor behind its client."""
    if os.environ.get("DOCKER_HOST") == f"unix://{SOCKET}" or shutil.which("docker") is None:
        return Docker(installed=False, fault="it is not installed")
    try:
        told = subprocess.run(
            ["docker", "version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Docker(installed=True, fault=f"docker version takes more than {PATIENCE} s")
    if "podman" in (told.stdout + told.stderr).lower():
        return Docker(installed=False, fault="docker is Podman here")
    if told.returncode == 0:
        return Docker(installed=True, fault=None)
    fault = last_line(told.stderr) or f"docker version ended with {told.returncode}"
    return Docker(installed=not _only_a_client(fault), fault=fault)


def _only_a_client(fault: str) -> bool:
    """Tell whether a client asked in vain where Linux has its engine, and no engine is there."""
    daemon = shutil.which("dockerd", path=os.pathsep.join([os.environ.get("PATH", ""), SBIN]))
    return sys.platform == "linux" and str(DOCKER_SOCKET) in fault and daemon is None and not DOCKER_SOCKET.exists()


def last_line(text: str) -> str:
    """Return the last line of what an engine said, which is its reason."""
    lines = text.strip().splitlines()
    return lines[-1].strip().removeprefix("Error: ").rstrip(".") if lines else ""


def environment(engine: str) -> dict[str, str]:
    """Return the variables with which kind and skaffold use an engine ("docker" or "podman")."""
    if engine == "docker":
        # Of a shell that has this project's variables of another cluster: empty is as if it were not set.
        return {"DOCKER_HOST": ""} if os.environ.get("DOCKER_HOST") == f"unix://{SOCKET}" else {}
    return {"KIND_EXPERIMENTAL_PROVIDER": "podman", "DOCKER_HOST": _address()}


def _address() -> str:
    """Return where Podman answers Docker's API: a service of ours, or that of its virtual machine."""
    if sys.platform != "linux":
        where = ["podman", "machine", "inspect", "--format", "{{.ConnectionInfo.PodmanSocket.Path}}"]
        if told := output(where, timeout=PATIENCE):
            return f"unix://{told.split()[0]}"
    return f"unix://{SOCKET}"


@dataclass(frozen=True)
class Facts:
    """What an engine tells of the machine that it runs on, which may be a virtual one.

    :param memory: GiB in all.
    :param cgroup: version of its control groups.
    :param limits: what containers can be limited in: of cpu, memory and pids.
    :param runtime: the program that starts containers, such as runc.
    """

    memory: float
    rootless: bool
    cgroup: int
    limits: frozenset[str]
    runtime: str


def facts(engine: str, env: Mapping[str, str]) -> Facts:
    """Ask an engine ("docker" or "podman") for what matters to a cluster.

    :raises Failure: it does not tell.
    """
    form = "{{json .}}" if engine == "docker" else "json"
    told = output([engine, "info", "--format", form], env=env, timeout=PATIENCE)
    try:
        known = json.loads(told or "")
        return _docker_facts(known) if engine == "docker" else _podman_facts(known["host"])
    except (ValueError, KeyError, TypeError) as error:
        raise Failure(f"{engine} info does not tell of its machine", f"Look at {engine} info") from error


def _docker_facts(known: dict[str, Any]) -> Facts:
    limits = {"cpu": "CPUShares", "memory": "MemoryLimit", "pids": "PidsLimit"}
    return Facts(
        memory=known["MemTotal"] / 1024**3,
        rootless="name=rootless" in known.get("SecurityOptions", []),
        cgroup=int(known.get("CgroupVersion", 1)),
        limits=frozenset(name for name, field in limits.items() if known.get(field)),
        runtime=known.get("DefaultRuntime", ""),
    )


def _podman_facts(host: dict[str, Any]) -> Facts:
    return Facts(
        memory=host["memTotal"] / 1024**3,
        rootless=host["security"]["rootless"],
        cgroup=int(host["cgroupVersion"].removeprefix("v")),
        limits=frozenset(host["cgroupControllers"]) & {"cpu", "memory", "pids"},
        runtime=host["ociRuntime"]["name"],
    )


_started: "list[subprocess.Popen[bytes]]" = []
"""The service, if this process started it; it outlives this process unless it is stopped."""


def service_answers() -> bool:
    """Tell whether podman's Docker API answers on its socket."""
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(SOCKET)) == 0


def start_service(env: Mapping[str, str]) -> None:
    """Make Podman answer as Docker: its API, through which skaffold builds, until `stop_service`; and its name.

    A virtual machine of Podman's has the API by itself.

    :param env: variables for podman.
    :raises Failure: it does not come up within `PATIENCE`.
    """
    program = AS_DOCKER / "docker"
    if not program.exists():
        AS_DOCKER.mkdir(parents=True, exist_ok=True)
        part = program.with_suffix(f".{os.getpid()}")
        part.write_text(_AS_DOCKER)
        part.chmod(0o755)
        part.rename(program)
    if sys.platform != "linux" or service_answers():
        return
    SOCKET.unlink(missing_ok=True)
    log = log_file("podman-service")
    with log.open("a") as sink:
        service = subprocess.Popen(
            ["podman", "system", "service", "--time=0", f"unix://{SOCKET}"],
            env={**os.environ, **env},
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            start_new_session=True,
        )
    _started.append(service)
    PID.write_text(str(service.pid))
    until = time.monotonic() + PATIENCE
    while not service_answers():
        if service.poll() is not None or time.monotonic() > until:
            raise Failure("podman's Docker API does not answer", f"Read {log}")
        time.sleep(0.05)  # between two looks at a condition


def stop_service() -> None:
    """Stop podman's Docker API if it runs."""
    if service_answers() and PID.exists():
        with suppress(ProcessLookupError):
            os.kill(int(PID.read_text()), signal.SIGTERM)
        while _started:
            _started.pop().wait()
    PID.unlink(missing_ok=True)
    SOCKET.unlink(missing_ok=True)
