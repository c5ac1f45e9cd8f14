"""README.md's walk, its lines given to a shell one after the other, as a reader does."""

import os
import re
import select
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

from cluster.target import Target
from curl import PORTS, service
from offline.versions import ROOT
from parts.process import listens
from polling import poll_until

SECTION = "## Walk through it"
ENDED = "-- ended with "


class Shell:
    """A bash that is given a line at a time."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process

    def run(self, line: str, seconds: float = 90) -> str:
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


@contextmanager
def shell(target: Target) -> Iterator[Shell]:
    where = {"CLUSTER": target.name, "KUBECONFIG": str(target.kubeconfig)}
    with subprocess.Popen(
        ["bash", "--norc"],
        cwd=ROOT,
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


def commands() -> list[tuple[str, str]]:
    """Each line of the section's blocks: the command, and what the comment after it says."""
    section = (ROOT / "README.md").read_text().split(SECTION)[1].split("\n## ")[0]
    blocks = re.findall(r"^```\n(.*?)^```", section, re.DOTALL | re.MULTILINE)
    lines = [line for block in blocks for line in block.splitlines()]
    return [(command.strip(), comment.strip()) for command, _, comment in (line.partition(" # ") for line in lines)]


def test_each_line_does_what_is_said_of_it(target: Target) -> None:
    given = commands()
    assert sum(command.startswith("curl") for command, _ in given) >= 7
    assert sum(comment.startswith(("{", "2")) for _, comment in given) >= 3
    with service(target, "crm") as crm, service(target, "iot") as iot:  # as after `make up`
        for customer, name, connection, level in ((7, "Corinne", "7733", "1"), (5, "Markus", "4512", "0")):
            properties = {"firstName": name, "connectionId": connection, "connectionMandate": level}
            assert crm.post(f"/customers/{customer}", properties).status == 200
            poll_until(
                lambda connection=connection, level=level: (  # type: ignore[misc]
                    iot.curl(f"?connectionId={connection}").json["connectionMandate"] == level
                ),
                f"IoT says {level} for {connection}",
                seconds=10,
            )
    for port in PORTS.values():
        assert not listens(port), f"port {port} is taken on this machine: the walk needs it"
    with shell(target) as reader:
        for command, comment in given:
            _follow(reader, command, comment)


def _follow(reader: Shell, command: str, comment: str) -> None:
    if forward := re.fullmatch(r"kubectl port-forward service/\w+ (\d+) &", command):
        # A reader who is quicker than the one before is at its end sees it, and tries again.
        poll_until(lambda: not listens(int(forward[1])), f"port {forward[1]} is free", seconds=30)
        reader.run(command)
        poll_until(lambda: listens(int(forward[1])), command, seconds=30)
    elif comment.startswith("{"):
        assert comment in reader.run(command)
    elif level := re.match(r"\d\b", comment):
        wanted = f'"connectionMandate":"{level[0]}"'
        poll_until(lambda: wanted in reader.run(command), f"{command} says {wanted}", seconds=10)
    else:
        said = reader.run(command)
        assert "about:blank" not in said, said
