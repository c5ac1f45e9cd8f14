"""A shell that does what a reader of the documents types."""

import os
import re
import select
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cluster.target import Target
from document import steps
from offline.versions import ROOT

ENDED = "-- ended with "


class Shell:
    """A bash that is given a line at a time."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process

    def run(self, line: str, seconds: float = 180) -> str:
        """Both streams of one line. AssertionError when it fails, or takes longer than `seconds`."""
        assert self._process.stdin
        self._process.stdin.write(f"{line}\nprintf '\\n{ENDED}%s\\n' $?\n".encode())
        self._process.stdin.flush()
        text, until = "", time.monotonic() + seconds
        while not (ended := re.search(rf"\n{ENDED}(\d+)\n", text)):
            text += self._read(until - time.monotonic(), line, text)
        said = text[: ended.start()]
        assert ended[1] == "0", f"{line}\nended with {ended[1]}:\n{said}"
        return said

    def _read(self, seconds: float, line: str, text: str) -> str:
        assert self._process.stdout
        ready, _, _ = select.select([self._process.stdout], [], [], max(0, seconds))
        assert ready, f"not ended in time: {line}\n{text}"
        data = os.read(self._process.stdout.fileno(), 65536)
        assert data, f"the shell ended: {line}\n{text}"
        return data.decode()


def follow(operator: Shell, section: str, about: str = "") -> str:
    """Do what a section of docs/operations.md says, or what of it is `about` something; what its last line said."""
    given = [step.command for step in steps(ROOT / "docs" / "operations.md", section) if about in step.command]
    assert given
    return [operator.run(command) for command in given][-1]


@contextmanager
def shell(target: Target, folder: Path) -> Iterator[Shell]:
    """One in a folder, for the target's cluster; what it started in the background ends with it."""
    where = {"CLUSTER": target.name, "KUBECONFIG": str(target.kubeconfig)}
    with subprocess.Popen(
        ["bash", "--norc"],
        cwd=folder,
        env={**os.environ, **where},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as process:
        try:
            yield Shell(process)
        finally:
            os.killpg(process.pid, signal.SIGKILL)
