"""What this machine must have before anything starts: programs, memory, disk."""

import os
import shutil
import socket
from collections.abc import Iterable, Mapping
from pathlib import Path

from cluster.command import log_file, run
from cluster.failure import Failure
from offline.progress import step
from offline.step import CACHE

GIB = 1024**3


def require_memory(gib: float, meminfo: Path = Path("/proc/meminfo")) -> None:
    """Check the memory that new processes can have, where the kernel tells it.

    :param meminfo: the file in which it does, in the format of proc(5); macOS has none.
    :raises Failure: there is less than `gib` GiB.
    """
    if not meminfo.exists():
        return
    fields = dict(line.split(":", 1) for line in meminfo.read_text().splitlines())
    free = int(fields["MemAvailable"].split()[0]) * 1024 / GIB
    if free < gib:
        raise Failure(
            f"the cluster needs {gib:.0f} GiB of free memory, this machine has {free:.1f} GiB",
            "End other programs or clusters (make down, kind delete cluster) and run it again",
        )


def require_disk(gib: float, folder: Path) -> None:
    """Check the space on the disk that holds a folder.

    :raises Failure: there is less than `gib` GiB.
    """
    existing = next(path for path in [folder, *folder.parents] if path.exists())
    free = shutil.disk_usage(existing).free / GIB
    if free < gib:
        raise Failure(
            f"{gib:.0f} GiB of free disk space are needed in {existing}, there are {free:.1f} GiB",
            "Free some (make clean removes all that this project has built) and run it again",
        )


def missing(programs: Iterable[str]) -> list[str]:
    """Return those of the programs that are not on the PATH."""
    return [name for name in programs if shutil.which(name) is None]


def can_install(*, root: bool = os.geteuid() == 0) -> bool:
    """Tell whether this user may install Debian packages here."""
    return root and shutil.which("apt-get") is not None


def install(programs: Mapping[str, str], *, root: bool = os.geteuid() == 0) -> None:
    """Install what is missing, with Debian's package manager, as root.

    :param programs: program -> Debian package that has it.
    :param root: whether this user may install.
    :raises Failure: something is missing and this user cannot install it.
    """
    absent = missing(programs)
    if not absent:
        return
    packages = sorted({programs[name] for name in absent})
    by_hand = f"Install what has it, on Debian: sudo apt-get install {' '.join(packages)}"
    if not can_install(root=root):
        raise Failure(f"needed and not installed: {', '.join(absent)}", by_hand)
    log = log_file("apt")
    # In runlevel 1 a package that brings a service does not start it.
    quiet = {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    with step(f"install {' '.join(packages)}", log):
        run(["apt-get", "update"], log=log, env=quiet)
        run(["apt-get", "install", "--yes", "--no-install-recommends", *packages], log=log, env=quiet)
    if still := missing(programs):
        raise Failure(f"needed and not installed: {', '.join(still)}", by_hand)


def port_taken(port: int) -> bool:
    """Tell whether something listens on a port of this machine's loopback."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def cache_size_needed() -> float:
    """Return the GiB of disk that a build still needs: most of it only before the first one."""
    return 4 if (CACHE / "steps" / "platform-images").is_dir() else 28
