"""kind, kubectl, helm and skaffold where they are not built: fetched once from their releases, and verified."""

import hashlib
import os
import platform
import re
import shutil
import ssl
import sys
import tarfile
import threading
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError

from cluster.command import output
from cluster.failure import Failure
from offline.progress import say, step
from offline.step import CACHE
from offline.versions import pinned, version

# Tool -> the words that make it tell its version.
TOOLS = {
    "kind": ["version"],
    "kubectl": ["version", "--client"],
    "helm": ["version", "--short"],
    "skaffold": ["version"],
}
ARCHITECTURES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
# Where the addresses of versions.toml are mirrored: https://mirror/dl.k8s.io/... for https://dl.k8s.io/...
MIRROR = "MANDATES_MIRROR"
# Seconds in which something more must have come.
PATIENCE = 30
PORTION = 1024 * 1024
_given_up = threading.Event()


def bring() -> None:
    """Fetch those tools of which neither the cache has the version of versions.toml nor the PATH one that fits.

    :raises Failure: one cannot be fetched.
    """
    missing = [name for name in TOOLS if not _program(name).exists() and not _fits(name)]
    _given_up.clear()
    with ThreadPoolExecutor() as pool:
        try:
            for fetched in [pool.submit(_fetch, name) for name in missing]:
                fetched.result()
        except BaseException:
            # A failure, or an interrupt, does not wait for what the others still have to fetch.
            _given_up.set()
            raise


def folders() -> list[Path]:
    """Return the folders of the tools that were fetched, for the PATH."""
    return [_program(name).parent for name in TOOLS if _program(name).exists()]


def _program(name: str) -> Path:
    return CACHE / "tools" / f"{name}-{version('tools', name)}" / name


def _fits(name: str) -> bool:
    """Tell whether the PATH has the tool in the minor version that is wanted; say it where it is another one."""
    if shutil.which(name) is None:
        return False
    wanted = version("tools", name)
    told = re.search(r"v?(\d+\.\d+)\.\d+\S*", output([name, *TOOLS[name]], timeout=PATIENCE) or "")
    if told and told[1] == wanted.rpartition(".")[0]:
        return True
    found = told[0] if told else "of no version"
    say(f"  ! {name} on the PATH is {found}, {wanted} is wanted: the project's own is used")
    return False


def _machine() -> tuple[str, str]:
    machine = platform.machine().lower()
    if sys.platform not in ("linux", "darwin") or machine not in ARCHITECTURES:
        raise Failure(
            f"there are no releases for {sys.platform} on {machine}",
            "Use Linux, macOS or WSL 2 on x86-64 or arm64",
        )
    return sys.platform, ARCHITECTURES[machine]


def address(name: str) -> str:
    """Return where the release of a tool is, for this machine.

    :raises Failure: there is none for it.
    """
    system, arch = _machine()
    where = version("releases", name).format(version=version("tools", name), os=system, arch=arch)
    mirror = os.environ.get(MIRROR, "").rstrip("/")
    return f"{mirror}/{where.removeprefix('https://')}" if mirror else where


def _checksum(name: str) -> str:
    """Return the SHA-256 of a release: that of versions.toml, else that which it publishes."""
    if known := pinned("-".join([name, *_machine()])):
        return known
    published = b"".join(_portions(address(name) + version("checksums", name))).split()
    return published[0].decode(errors="replace").lower() if published else "nothing"


def _fetch(name: str) -> None:
    """Fetch a tool; what is there in the end is whole, and what its release's checksum says.

    :raises Failure: it does not come, or is not what it should be.
    """
    where, program = address(name), _program(name)
    part = program.parent.with_name(f"{program.parent.name}.{os.getpid()}")
    remedy = f"Check the network and run it again, set {MIRROR} to a mirror, or put {name} "
    remedy += f"{version('tools', name)} on the PATH"
    try:
        with step(f"fetch {name} {version('tools', name)}"):
            part.mkdir(parents=True, exist_ok=True)
            wanted = _checksum(name)
            archive = part / where.rpartition("/")[2]
            digest = hashlib.sha256()
            with archive.open("wb") as file:
                for portion in _portions(where):
                    digest.update(portion)
                    file.write(portion)
            if digest.hexdigest() != wanted:
                raise Failure(f"{where} has the SHA-256 {digest.hexdigest()}, and should have {wanted}", remedy)
            _unpack(archive, part / name)
            (part / name).chmod(0o755)
            shutil.rmtree(program.parent, ignore_errors=True)
            part.rename(program.parent)
    except (OSError, HTTPException, tarfile.TarError) as error:
        reason = getattr(error, "reason", None) or error
        if isinstance(error, HTTPError):
            error.close()
        raise Failure(f"{where} cannot be fetched: {reason}", remedy) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _portions(where: str) -> Iterator[bytes]:
    with urllib.request.urlopen(where, timeout=PATIENCE, context=_trust()) as reply:  # noqa: S310  https, or a mirror
        while portion := reply.read1(PORTION):
            if _given_up.is_set():
                raise OSError("given up")
            yield portion


@cache
def _trust() -> ssl.SSLContext:
    """Return the authorities that this machine trusts, which a Python of python.org's does not know on macOS."""
    context = ssl.create_default_context()
    system = Path("/etc/ssl/cert.pem")
    if sys.platform == "darwin" and not context.get_ca_certs() and system.exists():
        context.load_verify_locations(system)
    return context


def _unpack(archive: Path, to: Path) -> None:
    """Take the program out of the archive of a release; most releases are the program itself."""
    if not archive.name.endswith(".tar.gz"):
        archive.rename(to)
        return
    with tarfile.open(archive) as files:
        for one in files:
            if one.isfile() and Path(one.name).name == to.name and (source := files.extractfile(one)):
                with to.open("wb") as program:
                    shutil.copyfileobj(source, program)
                break
        else:
            raise tarfile.TarError(f"there is no {to.name} in it")
    archive.unlink()
