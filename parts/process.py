"""Processes that can be paused, killed and started again, and waiting for what they do."""

import os
import random
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self, TypeVar

T = TypeVar("T")

_PORTS = range(20_000, 32_000)
"""Below those that the kernel gives to outgoing connections: a client that calls a server that is
away could else be given the server's port as its own, and keep it from coming back."""

_untried = iter(random.sample(_PORTS, len(_PORTS)))
"""Each is given once: one that is given out and not yet listened on looks free."""


def free_port() -> int:
    """A TCP port that nothing listens on, another one at each call."""
    for port in _untried:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError(f"each port of {_PORTS} was tried")


def until(look: Callable[[], T | None], what: str, seconds: float = 30, every: float = 0.05) -> T:
    """What `look` returns as soon as that is truthy.

    AssertionError, with what was waited for and seen last, after so many seconds; it looks `every` so many.
    """
    deadline = time.monotonic() + seconds
    while not (seen := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:.0f} s: {what}; last seen: {seen!r}")
        time.sleep(every)
    return seen


def listens(port: int) -> bool:
    """Whether something listens on a port of this machine."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Process:
    """A program with its words, environment and log; as a context it is started, and killed at the end."""

    def __init__(
        self, words: Sequence[object], log: Path, *, env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> None:
        """`env` is added to this process's own; what the program says is added to the file `log`."""
        self.words = [str(word) for word in words]
        self.log = log
        self._env = {**os.environ, **(env or {})}
        self._cwd = cwd
        self._running: subprocess.Popen[bytes] | None = None

    def ready(self) -> bool:
        """Whether it does its work; here, whether it runs."""
        return self._process.poll() is None

    def start(self) -> Self:
        """Start it, without waiting."""
        with self.log.open("ab") as log:
            self._running = subprocess.Popen(
                self.words, cwd=self._cwd, env=self._env, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        return self

    def begin(self, seconds: float = 60) -> Self:
        """Start it and wait until it is ready. AssertionError, with the end of its log, if it does not get so."""
        self.start()

        def look() -> bool:
            if self._process.poll() is not None:
                raise AssertionError(f"{self.words[0]} ended:\n{self.said()[-2000:]}")
            return self.ready()

        until(look, f"{self.words[0]} is ready, its log is {self.log}", seconds)
        return self

    def said(self) -> str:
        """Its log until now."""
        return self.log.read_text(errors="replace")

    def kill(self) -> None:
        """End it at once (SIGKILL), also while it is paused."""
        self._process.kill()
        self._process.wait()

    def stop(self, seconds: float = 30) -> int:
        """Ask it to end (SIGTERM); its exit code."""
        self._process.terminate()
        return self._process.wait(seconds)

    def pause(self) -> None:
        """Stop it where it is (SIGSTOP): connections stay, nobody answers."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused one go on."""
        self._process.send_signal(signal.SIGCONT)

    def memory(self) -> tuple[float, float]:
        """Its resident memory now and at most until now, MB (10^6 bytes)."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        kib = dict(re.findall(r"(VmRSS|VmHWM):\s+(\d+) kB", status))
        return int(kib["VmRSS"]) * 1024 / 1e6, int(kib["VmHWM"]) * 1024 / 1e6

    def held(self) -> float:
        """Its memory at most until now but for files' pages, which the kernel drops before it ends a process, MB."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        files = re.search(r"RssFile:\s+(\d+) kB", status)
        return self.memory()[1] - (int(files[1]) * 1024 / 1e6 if files else 0)

    def processor(self) -> float:
        """Seconds that the processors have worked for it until now, in user's and kernel's code."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(") ")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def __enter__(self) -> Self:
        """Begin it."""
        return self.begin()

    def __exit__(self, *_: object) -> None:
        if self._running:
            self.kill()

    @property
    def _process(self) -> "subprocess.Popen[bytes]":
        if self._running is None:
            raise AssertionError(f"{self.words[0]} was never started")
        return self._running
