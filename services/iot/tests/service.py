"""The service as a process of its own, as the image runs it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

SRC = Path(__file__).parent.parent / "src"


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port: int = s.getsockname()[1]
        return port


def until(condition: Callable[[], bool], what: str, seconds: float = 20) -> None:
    """Waits for a condition; AssertionError, with what it waited for, after so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not in {seconds} s: {what}"
        time.sleep(0.05)


def answers(url: str, status: int = 200) -> bool:
    try:
        return httpx.get(url).status_code == status
    except httpx.HTTPError:
        return False


class Service:
    """A running process and how to reach it."""

    def __init__(self, process: "subprocess.Popen[str]", url: str) -> None:
        self.process = process
        self.url = url

    def get(self, path: str) -> httpx.Response:
        return httpx.get(self.url + path, timeout=10)

    def terminate(self) -> tuple[int, str]:
        """Sends SIGTERM; the exit code, and what the process had said."""
        self.process.send_signal(signal.SIGTERM)
        said, _ = self.process.communicate(timeout=15)
        return self.process.returncode, said


@contextmanager
def running(port: int | None = None, **environment: str) -> Iterator[Service]:
    """The service with these settings, answering; killed at the end if it still runs."""
    port = port or free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "iot"],
        env={**os.environ, "PYTHONPATH": str(SRC), "IOT_PORT": str(port), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        url = f"http://127.0.0.1:{port}"
        until(lambda: process.poll() is not None or answers(f"{url}/livez"), "the service listens")
        yield Service(process, url)
    finally:
        process.kill()
        process.communicate()
