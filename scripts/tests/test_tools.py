"""Tools that are fetched from their releases: verified, whole or not there, and from a mirror when told."""

import hashlib
import io
import platform
import sys
import tarfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from cluster import tools
from cluster.failure import Failure
from offline.versions import version

from .programs import Programs

PLATFORMS = [("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "x86_64"), ("darwin", "arm64")]

SLOW = b"a slow line "


class Mirror:
    """A server with files by their path, and the paths that were asked for."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        mirror = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                mirror.asked.append(self.path)
                body = mirror.files.get(self.path)
                self.send_response(404 if body is None else 200)
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                # Half of what it promised, and then it is gone.
                whole = (body or b"").removesuffix(b"CUT")
                with suppress(OSError):
                    while whole.startswith(SLOW):
                        self.wfile.write(SLOW)
                        whole = whole.removeprefix(SLOW)
                        time.sleep(0.1)  # for 20 s in all
                    self.wfile.write(whole)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def publish(self, name: str, body: bytes, checksum: str | None = None) -> None:
        """Publish a release, and its checksum beside it as its project writes it."""
        path = "/" + tools.address(name).partition("://")[2].partition("/")[2]
        digest = checksum or hashlib.sha256(body).hexdigest()
        suffix = version("checksums", name)
        self.files[path] = body
        line = digest if name == "kubectl" else f"{digest}  {path.rpartition('/')[2]}\n"
        self.files[path + suffix] = line.encode()

    def publish_all(self) -> None:
        for name in tools.TOOLS:
            body = f"#!/bin/sh\necho {name}\n".encode()
            self.publish(name, packed(f"linux-amd64/{name}", body) if name == "helm" else body)


def packed(name: str, body: bytes) -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as files:
        for one, content in ((name, body), ("linux-amd64/LICENSE", b"free")):
            entry = tarfile.TarInfo(one)
            entry.size = len(content)
            files.addfile(entry, io.BytesIO(content))
    return archive.getvalue()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setattr(tools, "CACHE", folder)
    # What these tests serve is no release.
    monkeypatch.setattr(tools, "pinned", lambda _: None)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    mirror = Mirror()
    monkeypatch.setenv("MANDATES_MIRROR", f"http://127.0.0.1:{mirror.server.server_port}/")
    yield mirror
    mirror.server.shutdown()
    mirror.server.server_close()


def refusal() -> str:
    with pytest.raises(Failure) as raised:
        tools.bring()
    return str(raised.value)


@pytest.mark.usefixtures("programs")
def test_all_are_fetched_once_and_come_first_on_the_path(mirror: Mirror) -> None:
    mirror.publish_all()
    tools.bring()
    assert [folder.name for folder in tools.folders()] == [f"{name}-{version('tools', name)}" for name in tools.TOOLS]
    for name, folder in zip(tools.TOOLS, tools.folders(), strict=True):
        assert [one.name for one in folder.iterdir() if one.stat().st_mode & 0o111] == [name]
        assert (folder / name).read_text() == f"#!/bin/sh\necho {name}\n"
    asked = len(mirror.asked)
    tools.bring()
    assert len(mirror.asked) == asked == 8


@pytest.mark.parametrize(("system", "machine"), PLATFORMS)
def test_each_platform_has_its_releases(monkeypatch: pytest.MonkeyPatch, system: str, machine: str) -> None:
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    arch = "arm64" if machine in ("aarch64", "arm64") else "amd64"
    assert {name: tools.address(name) for name in tools.TOOLS} == {
        "kind": f"https://github.com/kubernetes-sigs/kind/releases/download/v0.33.0/kind-{system}-{arch}",
        "kubectl": f"https://dl.k8s.io/release/v1.36.3/bin/{system}/{arch}/kubectl",
        "helm": f"https://get.helm.sh/helm-v3.22.0-{system}-{arch}.tar.gz",
        "skaffold": f"https://storage.googleapis.com/skaffold/releases/v2.16.1/skaffold-{system}-{arch}",
    }


@pytest.mark.parametrize(("system", "machine"), [("win32", "AMD64"), ("linux", "riscv64")])
def test_a_platform_without_releases_is_told(monkeypatch: pytest.MonkeyPatch, system: str, machine: str) -> None:
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    with pytest.raises(Failure, match=f"^there are no releases for {system} on {machine.lower()}"):
        tools.address("kind")


@pytest.mark.usefixtures("programs")
def test_a_mirror_has_the_same_paths_under_each_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MANDATES_MIRROR", "https://mirror.example/all/")
    assert tools.address("kubectl").startswith("https://mirror.example/all/dl.k8s.io/release/v1.36.3/bin/")


@pytest.mark.usefixtures("programs")
def test_what_is_not_what_its_checksum_says_is_not_kept(mirror: Mirror, cache: Path) -> None:
    mirror.publish_all()
    mirror.publish("kind", b"forged", checksum="0" * 64)
    assert f"has the SHA-256 {hashlib.sha256(b'forged').hexdigest()}, and should have {'0' * 64}." in refusal()
    assert not list(cache.glob("tools/kind-*"))


@pytest.mark.usefixtures("programs")
def test_what_is_pinned_is_not_believed_of_its_release(mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "pinned", {"helm-linux-amd64": "1" * 64, "helm-linux-arm64": "1" * 64}.get)
    mirror.publish_all()
    assert f"and should have {'1' * 64}." in refusal()


@pytest.mark.usefixtures("programs")
def test_what_is_cut_off_is_not_kept_and_the_next_run_gets_it(mirror: Mirror, cache: Path) -> None:
    mirror.publish_all()
    mirror.publish("kind", b"half of itCUT")
    refusal()
    assert not list(cache.glob("tools/kind-*"))
    mirror.publish("kind", b"whole")
    tools.bring()
    assert (cache / "tools" / f"kind-{version('tools', 'kind')}" / "kind").read_bytes() == b"whole"


@pytest.mark.usefixtures("programs")
def test_what_cannot_be_fetched_is_named_with_the_reason_and_what_to_do(mirror: Mirror) -> None:
    mirror.publish_all()
    where = tools.address("skaffold")
    del mirror.files["/" + where.partition("://")[2].partition("/")[2] + ".sha256"]
    remedy = "Check the network and run it again, set MANDATES_MIRROR to a mirror, or put skaffold 2.16.1 on the PATH"
    assert refusal() == f"{where} cannot be fetched: Not Found. {remedy}"


@pytest.mark.usefixtures("programs")
def test_a_failure_does_not_wait_for_what_others_still_have_to_fetch(mirror: Mirror, cache: Path) -> None:
    mirror.publish_all()
    mirror.publish("skaffold", SLOW * 200)
    mirror.publish("kind", b"forged", checksum="0" * 64)
    started = time.monotonic()
    refusal()
    assert time.monotonic() - started < 10
    assert not list(cache.glob("tools/skaffold-*"))


@pytest.mark.usefixtures("programs")
def test_an_archive_without_the_program(mirror: Mirror) -> None:
    mirror.publish_all()
    mirror.publish("helm", packed("linux-amd64/other", b""))
    assert "cannot be fetched: there is no helm in it" in refusal()


def test_what_fits_on_the_path_is_used(programs: Programs, mirror: Mirror) -> None:
    programs.add("kind", 'echo "kind v0.33.9 go1.26 linux/amd64"')
    programs.add("kubectl", 'echo "Client Version: v1.36.0"; echo "Kustomize Version: v5.8.0"')
    programs.add("helm", 'echo "v3.22.4+g1234567"')
    programs.add("skaffold", "echo v2.16.0")
    tools.bring()
    assert tools.folders() == []
    assert mirror.asked == []


@pytest.mark.parametrize(
    ("name", "told", "found"),
    [
        ("helm", "v4.1.0+g1234567", "v4.1.0+g1234567"),
        ("kind", "kind v0.20.0 go1.20.4 linux/amd64", "v0.20.0"),
        ("skaffold", "", "of no version"),
    ],
)
def test_what_does_not_fit_is_named_and_the_project_s_own_is_used(
    programs: Programs, mirror: Mirror, capsys: pytest.CaptureFixture[str], name: str, told: str, found: str
) -> None:
    programs.add(name, f'echo "{told}"')
    mirror.publish_all()
    tools.bring()
    said = f"  ! {name} on the PATH is {found}, {version('tools', name)} is wanted: the project's own is used\n"
    assert said in capsys.readouterr().out
    assert [folder.name for folder in tools.folders() if folder.name.startswith(name)] != []
