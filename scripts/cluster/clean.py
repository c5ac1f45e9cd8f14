"""Remove all that this project keeps on a machine."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from cluster import engine, node
from cluster.built import Built
from cluster.chart import CHARTS
from cluster.command import output
from cluster.target import Target
from cluster.way import in_use
from offline import engine as podman
from offline.progress import say, step
from offline.step import CACHE
from offline.versions import canonical, image

# Names under which only this project keeps images; Docker leaves out the first part of docker.io's.
OURS = ("localhost/mandates-build/", "docker.io/mandates/", "mandates/")
# What the services' Dockerfiles label: the stages that their images are built with have no other name.
LABEL = "app.kubernetes.io/part-of=mandates"
# What the way with registries pulls to this machine itself: to see whether it can, to build on, to run the node.
PULLED = ("redis", "python", "node")


def clean(target: Target) -> None:
    """Delete the cluster, those of the tests, the images that were built or pulled, and the cache folder.

    :raises Failure: a cluster cannot be deleted.
    """
    for one in [target, *_of_tests()]:
        way = in_use(one)
        if way is None:
            continue
        way.bring_tools()
        there = replace(one, env=way.env)
        if node.exists(there):
            with step(f"delete cluster {one.name}"):
                node.delete(there)
        node.note_of(one).unlink(missing_ok=True)
    engine.stop_service()
    with step("remove images"):
        if shutil.which("podman"):
            _remove_images("podman", podman.environment() if Built.is_usual() else {})
        if engine.docker().fault is None:
            _remove_images("docker", {})
    with step(f"remove {CACHE}"):
        shutil.rmtree(CACHE, ignore_errors=True)
    say("Clean. Next: make up fetches or builds everything anew.")


def _of_tests() -> Iterator[Target]:
    """Return the clusters whose kubeconfig is in the cache."""
    for note in CACHE.glob("kind-*.way"):
        name = note.stem.removeprefix("kind-")
        yield Target(name, CACHE / f"{name}.kubeconfig")


def _remove_images(name: str, env: Mapping[str, str]) -> None:
    def listed(*words: str) -> list[str]:
        return (output([name, *words], env=env) or "").splitlines()

    def quietly(*words: str) -> None:
        subprocess.run([name, *words], env={**os.environ, **env}, capture_output=True, check=False)

    # Each once: what goes with one before it is gone.
    stages = list(dict.fromkeys(listed("images", "--all", "--quiet", "--filter", f"label={LABEL}")))
    if left := list(_containers_of_builds(name, stages, listed)):
        quietly("rm", "--force", *left)
    names = listed("images", "--format", "{{.Repository}}:{{.Tag}}")
    if ours := [one for one in names if one.startswith(OURS)]:
        quietly("rmi", "--force", *ours)
    if stages:
        quietly("rmi", "--force", *stages)
    if CHARTS.is_dir():
        # One at a time, without force: what something else runs on stays.
        for one in PULLED:
            quietly("rmi", canonical(image(one)))


def _containers_of_builds(name: str, stages: Sequence[str], listed: Callable[..., list[str]]) -> Iterator[str]:
    """Return those that builds have left, one for each step: Skaffold does not ask for their removal.

    They hold on to the images of the steps, and those to the image that all stand on.
    """
    if name == "docker":
        key, _, value = LABEL.partition("=")
        form = f'{{{{.ID}}}} {{{{.Label "{key}"}}}} {{{{.Command}}}}'
        for line in listed(
            "ps", "--all", "--no-trunc", "--filter=status=created", "--filter=status=exited", "--format", form
        ):
            container, _, rest = line.partition(" ")
            # Of the first step only its command tells: it stands on the image without the label.
            if rest.startswith(f"{value} ") or LABEL in rest:
                yield container
        return
    bases = {*stages, *listed("images", "--quiet", canonical(image("python")))}
    for line in listed("ps", "--all", "--external", "--format", "{{.ID}} {{.ImageID}} {{.Command}}"):
        match line.split():
            case [container, base, "buildah"] if base in bases:
                yield container
