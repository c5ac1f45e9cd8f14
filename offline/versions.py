"""The pinned versions of versions.toml, the one file that holds them."""

import tomllib
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@cache
def _table() -> dict[str, dict[str, str]]:
    with (ROOT / "versions.toml").open("rb") as file:
        return tomllib.load(file)


def version(section: str, name: str) -> str:
    """Return one version or image reference, such as `version("platform", "dapr")` -> "1.18.2".

    :raises KeyError: there is no such entry in versions.toml.
    """
    return _table()[section][name]


def pinned(name: str) -> str | None:
    """Return the SHA-256 that a release must have, such as of "kind-linux-amd64", or None where none is pinned."""
    return _table()["pins"].get(name)


def image(name: str) -> str:
    """Return the reference under which manifests name an image, such as "redis:8.0.2"."""
    return version("images", name)


def canonical(reference: str) -> str:
    """Return a short image reference as Kubernetes resolves it ("redis:8" -> "docker.io/library/redis:8").

    The rule is that of container references: a first part without dot or colon is no registry.
    """
    first, _, rest = reference.partition("/")
    if rest and ("." in first or ":" in first or first == "localhost"):
        return reference
    return f"docker.io/{reference}" if rest else f"docker.io/library/{reference}"
