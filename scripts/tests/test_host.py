"""What a machine must have, and what is said where it has not."""

import re
import socket
from pathlib import Path

import pytest

from cluster import host
from cluster.failure import Failure

from .programs import Programs

MEMINFO = "MemTotal: 16000000 kB\nMemFree: 100000 kB\nMemAvailable: 4300000 kB\nHugePages_Total: 0\n"
NEEDED = {"podman": "podman", "newuidmap": "uidmap", "/nowhere/netavark": "netavark"}


@pytest.fixture
def meminfo(tmp_path: Path) -> Path:
    file = tmp_path / "meminfo"
    file.write_text(MEMINFO)
    return file


def test_too_little_memory(meminfo: Path) -> None:
    with pytest.raises(Failure) as raised:
        host.require_memory(5, meminfo)
    assert str(raised.value) == (
        "the cluster needs 5 GiB of free memory, this machine has 4.1 GiB."
        " End other programs or clusters (make down, kind delete cluster) and run it again"
    )


def test_enough_memory(meminfo: Path) -> None:
    host.require_memory(4, meminfo)


def test_this_machine_tells_its_memory() -> None:
    host.require_memory(0)


def test_too_little_disk_also_where_the_folder_is_still_to_be_made(tmp_path: Path) -> None:
    with pytest.raises(Failure) as raised:
        host.require_disk(10**6, tmp_path / "not" / "yet")
    expected = (
        rf"1000000 GiB of free disk space are needed in {re.escape(str(tmp_path))}, there are [\d.]+ GiB\. Free .*"
    )
    assert re.fullmatch(expected, str(raised.value))


def test_enough_disk(tmp_path: Path) -> None:
    host.require_disk(0, tmp_path)


def test_what_is_missing_is_named_to_a_user_who_may_not_install(programs: Programs) -> None:
    programs.add("apt-get")
    programs.add("podman")
    with pytest.raises(Failure) as raised:
        host.install(NEEDED, root=False)
    assert str(raised.value) == (
        "needed and not installed: newuidmap, /nowhere/netavark."
        " Install what has it, on Debian: sudo apt-get install netavark uidmap"
    )
    assert programs.calls() == []


@pytest.mark.usefixtures("programs")
def test_no_package_manager_to_install_with() -> None:
    with pytest.raises(Failure, match=r"^needed and not installed: podman"):
        host.install({"podman": "podman"}, root=True)


def test_root_gets_it_installed(programs: Programs) -> None:
    programs.add("apt-get", 'case $1 in install) cp apt-get newuidmap ;; esac; echo "$DEBIAN_FRONTEND" > frontend')
    programs.add("podman")
    host.install({"podman": "podman", "newuidmap": "uidmap"}, root=True)
    assert programs.calls() == ["apt-get update", "apt-get install --yes --no-install-recommends uidmap"]
    assert (programs.folder / "frontend").read_text() == "noninteractive\n"


def test_an_installation_that_brought_nothing(programs: Programs) -> None:
    programs.add("apt-get")
    with pytest.raises(Failure, match=r"^needed and not installed: podman"):
        host.install({"podman": "podman"}, root=True)


def test_an_installation_that_fails_says_why(programs: Programs) -> None:
    programs.add("apt-get", 'echo "E: Could not get lock" >&2; exit 100')
    with pytest.raises(Failure, match=r"apt-get update ended with 100:\n    E: Could not get lock\nRead .*apt\.log"):
        host.install({"podman": "podman"}, root=True)


def test_nothing_is_asked_of_a_machine_that_has_it_all(programs: Programs) -> None:
    programs.add("podman")
    host.install({"podman": "podman"}, root=False)
    assert programs.calls() == []


def test_a_port_is_taken_while_something_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert host.port_taken(port)
    assert not host.port_taken(port)
