"""Read k8s/ and the charts' values, without a cluster."""

import subprocess
from itertools import chain
from pathlib import Path

from .chart import CHARTS, ROOT, Manifest, read, the

K8S = ROOT / "k8s"
KUSTOMIZATIONS = sorted(path.parent for path in K8S.rglob("kustomization.yaml"))


def folder(path: Path) -> list[Manifest]:
    """Give the objects that the kustomization in a folder names."""
    (kustomization,) = read((path / "kustomization.yaml").read_text())
    files = (path / name for name in kustomization["resources"] if name.endswith(".yaml"))
    return list(chain.from_iterable(read(file.read_text()) for file in files))


def kustomized(path: Path) -> list[Manifest]:
    """Give the objects of a folder, as `kubectl apply -k` would apply them."""
    words = ["kubectl", "kustomize", str(path)]
    return read(subprocess.run(words, capture_output=True, text=True, check=True).stdout)


def built(path: str, kind: str) -> Manifest:
    """Give the one object of a kind in a folder of k8s/, as `kubectl apply -k` would apply it."""
    return the(kind, kustomized(K8S / path))


def everything(kind: str) -> dict[str, Manifest]:
    """Give all objects of a kind in k8s/, by name."""
    found = chain.from_iterable(folder(path) for path in KUSTOMIZATIONS)
    return {m["metadata"]["name"]: m for m in found if m["kind"] == kind}


def values(chart: str) -> Manifest:
    """Give what a chart's own values.yaml says."""
    return read((CHARTS / chart / "values.yaml").read_text())[0]
