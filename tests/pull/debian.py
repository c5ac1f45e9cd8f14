"""Debian's packages, unpacked beside this machine's programs: it keeps the container engine that it has."""

import os
import platform
from pathlib import Path

from offline.step import Run, Step

# With the libraries that a small machine has not.
PACKAGES = [
    *("docker-registry", "dnsmasq-base", "slirp4netns", "docker.io", "containerd", "tini"),
    *("libslirp0", "libdevmapper1.02.1", "libidn2-0", "libnetfilter-conntrack3", "libnfnetlink0", "libdbus-1-3"),
    *("libnftables1", "libnftnl11", "libjansson4", "libxtables12", "libmnl0"),
]


def _unpack(run: Run) -> None:
    run("apt-get", "update")
    run("apt-get", "download", *PACKAGES, cwd=run.out)
    for package in sorted(run.out.glob("*.deb")):
        run("dpkg", "--extract", package, run.out / "root")
        package.unlink()


debian = Step("pull-debian", _unpack, settings=PACKAGES)


def program(name: str) -> Path:
    """Return the path of one of their programs."""
    return next(path for part in ("bin", "sbin") if (path := _usr() / part / name).exists())


def environment() -> dict[str, str]:
    """Return the variables with which their programs find each other and their libraries."""
    path = [str(_usr() / "sbin"), str(_usr() / "bin"), os.defpath, "/usr/sbin:/sbin"]
    libraries = _usr() / "lib" / f"{platform.machine()}-linux-gnu"
    return {"PATH": os.pathsep.join(path), "LD_LIBRARY_PATH": str(libraries)}


def _usr() -> Path:
    return debian.out / "root" / "usr"
