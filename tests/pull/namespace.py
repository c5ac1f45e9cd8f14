"""A machine of its own, as far as programs can tell: network, mounts, processes, names."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from offline.engine import environment as podman

from . import debian, registries
from .charts import charts
from .upstream import NAMES, REGISTRIES, SITE, authority

# Of those set aside for examples: what is served under the real names listens here, containers reach it too.
SUBNET = "198.51.100"
DNS = f"{SUBNET}.53"
ADDRESSES = {host: f"{SUBNET}.{number}" for number, host in enumerate([*REGISTRIES, SITE], start=1)}
# Where slirp4netns answers for the name servers of this machine.
OUTSIDE = "10.0.2.3"
PATIENCE = 20
DIES_WITH_US = ["setpriv", "--pdeathsig=KILL"]
# What the machine has of its own; all else is this machine's, and what is written in /etc stays inside.
SET_UP = """
set -o errexit
mount -t overlay overlay -o "lowerdir=/etc,upperdir=$1/etc,workdir=$1/work" /etc
for empty in /run /dev/shm /etc/containers/networks; do mkdir -p $empty; mount -t tmpfs tmpfs $empty; done
for kept in containers docker; do mkdir -p "$1/$kept" /var/lib/$kept; mount --bind "$1/$kept" /var/lib/$kept; done
ip link set lo up
shift
for address; do ip address add "$address/32" dev lo; done
"""


T = TypeVar("T")


class Namespace:
    """It lives as long as this process, with all that runs in it.

    :param folder: for what it writes.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._running: list[subprocess.Popen[bytes]] = []
        self._registries: dict[str, subprocess.Popen[bytes]] = {}
        self._inside = ""

    def __enter__(self) -> Self:
        etc = self.folder / "etc"
        for part in ("etc/containers", "etc/ssl/certs", "work"):
            (self.folder / part).mkdir(parents=True)
        (etc / "resolv.conf").write_text(f"nameserver {DNS}\n")
        (etc / "hosts").write_text("127.0.0.1 localhost\n")
        # As the owner of this machine would have set it up for Podman.
        shutil.copy2(podman()["CONTAINERS_CONF"], etc / "containers" / "containers.conf")
        bundle = Path("/etc/ssl/certs/ca-certificates.crt").read_text()
        (etc / "ssl" / "certs" / "ca-certificates.crt").write_text(bundle + (authority.out / "ca.pem").read_text())
        try:
            self._make()
            self._serve()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def _make(self) -> None:
        apart = ["unshare", "--mount", "--net", "--ipc", "--uts", "--pid", "--fork", "--mount-proc", "--kill-child"]
        # It reaps what nobody waits for, as the first process of a machine does.
        first = self._here([*apart, "catatonit", "-P"])
        children = Path(f"/proc/{first.pid}/task/{first.pid}/children")
        self._inside = _until(lambda: children.read_text().strip(), "the namespace is there")
        self.run(["bash", "-c", SET_UP, "set-up", str(self.folder), DNS, *ADDRESSES.values()])
        # The way out, to package registries, without a rule on this machine.
        words = [str(debian.program("slirp4netns")), "--configure", "--disable-host-loopback", self._inside, "tap0"]
        self._here(words, debian.environment())
        _until(lambda: b"default" in self.run(["ip", "route"]), "there is a way out")

    def _serve(self) -> None:
        names = [f"--address=/{name}/{ADDRESSES[self._host_of(name)]}" for name in NAMES]
        # Else it asks outside for their other addresses.
        names += [f"--local=/{name}/" for name in NAMES]
        alone = ["--keep-in-foreground", "--user=root", "--pid-file", "--conf-file=/dev/null", "--no-hosts"]
        served = [f"--listen-address={DNS}", "--bind-interfaces", "--no-resolv", f"--server={OUTSIDE}"]
        self.start([str(debian.program("dnsmasq")), *alone, *served, *names], debian.environment())
        certificate = str(authority.out / "server.pem")
        website = [sys.executable, str(Path(__file__).with_name("website.py")), ADDRESSES[SITE]]
        self.start([*website, str(charts.out / "site"), certificate])
        self.start_registries()

    @staticmethod
    def _host_of(name: str) -> str:
        return next((host for host, names in REGISTRIES.items() if name in names), name)

    def start_registries(self) -> None:
        """Let the registries answer, until `stop_registries`."""
        certificate = str(authority.out / "server.pem")
        tls = {"certificate": certificate, "key": certificate}
        for host in REGISTRIES:
            file = registries.configure(self.folder, host, ADDRESSES[host] + ":443", tls)
            words = [str(debian.program("docker-registry")), "serve", str(file)]
            self._registries[host] = self.start(words)
        for host in REGISTRIES:
            _until(partial(self._ends_well, ["curl", "--silent", "--fail", f"https://{host}/v2/"]), f"{host} answers")

    def stop_registries(self) -> None:
        """Let nothing listen where the registries did."""
        for process in self._registries.values():
            process.terminate()
            process.wait()
        self._registries.clear()

    def slow_down(self, rate: str) -> None:
        """Let no more come from the registries and the site, all together, than so many bytes in a second.

        :param rate: in the words of iptables, such as "2mb/s".
        """
        above = ["--match", "hashlimit", "--hashlimit-above", rate, "--hashlimit-name", "slow"]
        # Not as --append=OUTPUT: iptables takes what comes next for part of that.
        self.run(["iptables", "--append", "OUTPUT", "--protocol", "tcp", "--sport", "443", *above, "--jump", "DROP"])

    def words(self, words: Sequence[str], folder: Path = Path("/")) -> list[str]:
        """Return a command line that runs another one inside."""
        enter = ["nsenter", f"--target={self._inside}", "--mount", "--net", "--ipc", "--uts", "--pid"]
        return [*enter, f"--wd={folder}", *words]

    def start(self, words: Sequence[str], env: Mapping[str, str] | None = None) -> "subprocess.Popen[bytes]":
        """Start a program inside, which ends with the machine."""
        # nsenter's end would leave it alone.
        return self._here(self.words([*DIES_WITH_US, *words]), env)

    def run(self, words: Sequence[str]) -> bytes:
        """Run a program inside and return what it prints."""
        return subprocess.run(self.words(words), check=True, capture_output=True).stdout

    def _ends_well(self, words: Sequence[str]) -> bool:
        return subprocess.run(self.words(words), check=False, capture_output=True).returncode == 0

    def _here(self, words: Sequence[str], env: Mapping[str, str] | None = None) -> "subprocess.Popen[bytes]":
        with (self.folder / "log").open("ab") as log:
            # Also where this process is killed, nothing stays.
            process = subprocess.Popen(
                [*DIES_WITH_US, *words],
                env={**os.environ, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._running.append(process)
        return process

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # The first one last: what runs inside ends with it.
        for process in reversed(self._running):
            process.kill()
            process.wait()


def _until(look: Callable[[], T], what: str) -> T:
    until = time.monotonic() + PATIENCE
    while not (seen := look()):
        assert time.monotonic() < until, f"not within {PATIENCE} s: {what}"
        time.sleep(0.05)  # between two looks at a condition
    return seen
