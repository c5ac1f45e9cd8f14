"""The real process, by `python -m crm`, without a sidecar."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from parts.process import free_port

ROOT = Path(__file__).parents[1]


def start(**environ: str) -> subprocess.Popen[str]:
    """Started with these variables; what it writes is for communicate() to read."""
    defaults = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT / "src"),
        "CRM_PORT": str(free_port()),
        "DAPR_HTTP_PORT": str(free_port()),
        "CRM_DRAIN_SECONDS": "0.3",
    }
    return subprocess.Popen(
        [sys.executable, "-m", "crm"],
        cwd=ROOT,
        env=defaults | environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@contextmanager
def running(**environ: str) -> Iterator[tuple[subprocess.Popen[str], httpx.Client]]:
    """Started and ready, with a client to it."""
    port = str(free_port())
    process = start(CRM_PORT=port, **environ)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
            deadline = time.monotonic() + 30
            while not is_ready(client):
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)
            yield process, client
    finally:
        process.kill()
        process.communicate()


def is_ready(client: httpx.Client) -> bool:
    """Whether it says so."""
    try:
        return client.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False
