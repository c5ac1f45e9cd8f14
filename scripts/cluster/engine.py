"""The container engine: kind's nodes run in it, images are built in it."""

import os
import signal
import socket
import subprocess
import time
from contextlib import suppress

from cluster.command import log_file, output
from cluster.failure import Failure
from offline import engine as podman
from offline.step import CACHE

SOCKET = CACHE / "podman.sock"
PID = CACHE / "podman.pid"
# Seconds in which a service that starts answers.
PATIENCE = 20


def docker_answers() -> bool:
    """Tell whether a Docker engine runs on this machine; podman's API, which answers alike, is none."""
    if os.environ.get("DOCKER_HOST") == f"unix://{SOCKET}":
        return False
    return output(["docker", "info"], timeout=10) is not None


def environment(engine: str) -> dict[str, str]:
    """Return the variables with which kind and skaffold use an engine ("docker" or "podman")."""
    if engine == "docker":
        return {}
    return {**podman.environment(), "DOCKER_HOST": f"unix://{SOCKET}"}


_started: "list[subprocess.Popen[bytes]]" = []
"""The service, if this process started it; it outlives this process unless it is stopped."""


def service_answers() -> bool:
    """Tell whether podman's Docker API answers on its socket."""
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(SOCKET)) == 0


def start_service() -> bool:
    """Start podman's Docker API, through which skaffold builds; it runs until `stop_service`.

    :returns: whether it had to be started.
    :raises Failure: it does not come up within `PATIENCE`.
    """
    if service_answers():
        return False
    SOCKET.unlink(missing_ok=True)
    log = log_file("podman-service")
    with log.open("a") as sink:
        service = subprocess.Popen(
            ["podman", "system", "service", "--time=0", f"unix://{SOCKET}"],
            env={**os.environ, **podman.environment()},
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
    return True


def stop_service() -> None:
    """Stop podman's Docker API if it runs."""
    if service_answers() and PID.exists():
        with suppress(ProcessLookupError):
            os.kill(int(PID.read_text()), signal.SIGTERM)
        while _started:
            _started.pop().wait()
    PID.unlink(missing_ok=True)
    SOCKET.unlink(missing_ok=True)
