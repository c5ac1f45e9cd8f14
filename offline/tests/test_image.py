"""Image names, and which of podman's images stay."""

from pathlib import Path

import pytest

from offline.engine import environment, keep_only
from offline.image import tag
from offline.step import Step
from offline.versions import canonical


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("redis:8.0.2", "docker.io/library/redis:8.0.2"),
        ("redis", "docker.io/library/redis"),
        ("openzipkin/zipkin-slim:3", "docker.io/openzipkin/zipkin-slim:3"),
        ("a/b/c:1", "docker.io/a/b/c:1"),
        ("registry.k8s.io/pause:3.10", "registry.k8s.io/pause:3.10"),
        ("localhost/mine:1", "localhost/mine:1"),
        ("localhost:5000/mine:1", "localhost:5000/mine:1"),
        ("redis:8@sha256:0a", "docker.io/library/redis:8@sha256:0a"),
    ],
)
def test_a_reference_as_kubernetes_resolves_it(short: str, long: str) -> None:
    assert canonical(short) == long
    assert canonical(long) == long


def test_a_steps_image_is_named_by_its_key() -> None:
    one, other = (Step("image-redis", lambda _: None, settings=[version]) for version in "12")
    assert tag(one) == f"localhost/mandates-build/image-redis:{one.key}"
    assert tag(one) != tag(other)


PODMAN = """#!/bin/sh
echo "$*" >> "$0.calls"
case $1 in images) cat <<END
localhost/mandates-build/image-kafka:old
docker.io/mandates/kafka:4.3.1
localhost/mandates-build/image-kafka:new
localhost/mandates-build/image-kafka-other:old
localhost/mandates-build/image-kafka:older
END
;; esac
"""


def test_only_images_of_older_inputs_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "podman").write_text(PODMAN)
    (tmp_path / "podman").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    keep_only("localhost/mandates-build/image-kafka:new")
    *_, last = (tmp_path / "podman.calls").read_text().splitlines()
    old = ("localhost/mandates-build/image-kafka:old", "localhost/mandates-build/image-kafka:older")
    assert last == " ".join(["rmi", *old])


def test_podman_gets_no_limit_that_this_user_may_not_set(cache: Path) -> None:
    conf = environment()["CONTAINERS_CONF"]
    assert conf == str(cache / "containers.conf")
    assert "nofile=" in Path(conf).read_text()
    before = Path(conf).stat()
    environment()
    assert Path(conf).stat().st_mtime_ns == before.st_mtime_ns
