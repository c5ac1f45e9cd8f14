"""A machine as somebody has it who tries this project: an engine, a shell, and a copy of the project."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from offline import plan
from offline.progress import say
from offline.versions import ROOT, image

from . import debian
from .namespace import Namespace
from .registries import node_digest

RUNTIME = Path(__file__).with_name("runtime.py")
# Of this machine's, what its programs need to reach package registries.
KEPT = ("LANG", "PIP_CERT", "PIP_DEFAULT_TIMEOUT", "PIP_FIND_LINKS", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


class Machine:
    """Its user's shell stands in the copy of the project.

    :param engine: whose containers it can run, "docker" or "podman".
    :param client: whether the PATH has a client of Docker's.
    """

    def __init__(self, namespace: Namespace, engine: str, *, client: bool) -> None:
        self.engine = engine
        self.namespace = namespace
        self.project = namespace.folder / "mandates"
        self.home = namespace.folder / "home"
        self._bin = namespace.folder / "bin"
        self._programs(client=client)
        _copy(self.project)
        if engine == "docker":
            self._start_docker()

    def _programs(self, *, client: bool) -> None:
        self.home.mkdir()
        self._bin.mkdir()
        (self._bin / "python3").symlink_to(Path(sys.base_prefix) / "bin" / "python3")
        # Their releases cannot be had here, so the user has installed them.
        for name in ("kind", "kubectl", "helm", "skaffold"):
            (self._bin / name).symlink_to(plan.tools.out / name)
        if client:
            (self._bin / "docker").symlink_to(debian.program("docker"))
        found = shutil.which("docker", path=self._environment()["PATH"])
        assert bool(found) == client, f"this machine has {found}, which the tests should not find"

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name in KEPT}
        return {**kept, "HOME": str(self.home), "PATH": f"{self._bin}:/usr/sbin:/usr/bin:/sbin:/bin"}

    def _start_docker(self) -> None:
        runtime = ["--add-runtime", f"bare={RUNTIME}", "--default-runtime=bare"]
        self.namespace.start([str(debian.program("dockerd")), *runtime], debian.environment())
        until = time.monotonic() + 60
        while self._run("docker version")[0] != 0:
            assert time.monotonic() < until, f"dockerd does not answer: {self.namespace.folder / 'log'}"
            time.sleep(0.2)  # between two looks at a condition

    def run(self, line: str, code: int = 0) -> str:
        """Run a line in the shell, show and return what it prints. AssertionError when it ends otherwise."""
        say(f"$ {line}")
        ended, said = self._run(line, show=True)
        assert ended == code, f"{line}\nended with {ended}:\n{said}"
        return said

    def _run(self, line: str, *, show: bool = False) -> tuple[int, str]:
        with self.started(line) as process:
            assert process.stdout
            said = ""
            for one in process.stdout:
                said += one
                if show:
                    say(f"  {one.rstrip()}")
        return process.returncode, said

    @contextmanager
    def started(self, line: str) -> "Iterator[subprocess.Popen[str]]":
        """Start a line in the shell, and wait for its end when the block is left."""
        words = ["env", "--ignore-environment", *(f"{name}={value}" for name, value in self._environment().items())]
        with subprocess.Popen(
            self.namespace.words([*words, "bash", "-c", line], self.project),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as process:
            yield process

    def interrupt(self, process: "subprocess.Popen[str]") -> None:
        """Do what Ctrl-C does to a line that was started."""
        os.killpg(process.pid, signal.SIGINT)

    def containers(self) -> Sequence[str]:
        """The names of all containers, those that have ended too."""
        return self._run(f"{self.engine} ps --all --format '{{{{.Names}}}}'")[1].split()

    def images(self) -> Sequence[str]:
        """All images, those without a name too."""
        return self._run(f"{self.engine} images --all --format '{{{{.Repository}}}}:{{{{.Tag}}}}'")[1].split()


def _copy(to: Path) -> None:
    """Copy what a commit of all that is here would have; the node's image is the one that is there to be pulled."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    for name in names:
        if name and (ROOT / name).exists():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, to / name)
    versions = to / "versions.toml"
    named = image("node").partition("@")[0]
    versions.write_text(versions.read_text().replace(image("node"), f"{named}@{node_digest()}"))
