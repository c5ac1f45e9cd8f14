"""Several images in one archive, as a node imports them."""

import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from offline.engine import environment
from offline.image import IMAGES, tag
from offline.step import Run, Step
from offline.versions import canonical

FILE = "images.tar"


def targets(
    name: str,
    *,
    references: Callable[[Mapping[str, Path]], Mapping[str, str]],
    needs: Sequence[Step],
    base: Step | None = None,
) -> Step:
    """Return the step that builds each target of offline/images/`name`/Containerfile into one archive.

    :param references: given the outputs of the needed steps by name, returns target -> image reference.
    """
    folder = IMAGES / name

    def recipe(run: Run) -> None:
        named = references(run.inputs)
        contexts = [f"--build-context={need.name}={need.out}" for need in needs]
        arguments = [f"--build-arg=BASE={tag(base)}"] if base else []
        for target, reference in named.items():
            words = [*contexts, *arguments, f"--target={target}", f"--tag={reference}"]
            run("podman", "build", "--pull=never", "--network=host", *words, folder, env=environment())
        save(run, list(named.values()))

    return Step(f"{name}-images", recipe, files=[folder], needs=[*([base] if base else []), *needs])


def bundle(name: str, images: Mapping[str, Step]) -> Step:
    """Return the step that puts built images into one archive under the names that manifests use.

    :param images: image reference -> the step that builds it.
    """

    def recipe(run: Run) -> None:
        for reference, step in images.items():
            run("podman", "tag", tag(step), canonical(reference), env=environment())
        save(run, [canonical(reference) for reference in images])

    return Step(f"{name}-images", recipe, settings=list(images), needs=list(images.values()))


def save(run: Run, references: Sequence[str]) -> None:
    """Write the images into the step's output; layers they share are written once."""
    archive = run.out / FILE
    run("podman", "save", "--multi-image-archive", "--output", archive, *references, env=environment())


def kubeadm_images(kubeadm: Path, version: str) -> dict[str, str]:
    """Ask kubeadm for the images of a control plane: last part of the name -> reference."""
    listed = subprocess.run(
        [str(kubeadm), "config", "images", "list", "--kubernetes-version", version],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    return {reference.rpartition("/")[2].partition(":")[0]: reference for reference in listed}
