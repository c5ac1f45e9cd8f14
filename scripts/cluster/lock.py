"""Write the lock files: exact versions and hashes of all that a deployable or the checks install."""

from pathlib import Path

from cluster.command import log_file, run
from offline.progress import step
from offline.versions import ROOT

# Lock file -> the project files whose dependencies it fixes. The checks import every part.
DEPLOYABLES = [ROOT / "services" / "crm", ROOT / "services" / "iot", ROOT / "offline" / "strimzi"]
OPTIONS = ("--universal", "--generate-hashes", "--no-header", "--no-emit-index-url", "--python-version=3.11", "--quiet")


def lock() -> None:
    """Resolve anew and write.

    :raises Failure: there is no set of versions that fits.
    """
    for folder in DEPLOYABLES:
        _compile([folder / "pyproject.toml"], folder / "requirements.lock")
    everything = [ROOT / "pyproject.toml", *(folder / "pyproject.toml" for folder in DEPLOYABLES)]
    checks = ROOT / "requirements-dev.lock"
    _compile(everything, checks, "--group", f"{ROOT / 'pyproject.toml'}:dev")
    # What a cluster's commands need, in the same versions.
    _compile([ROOT / "pyproject.toml"], ROOT / "requirements-cluster.lock", f"--constraint={checks}")


def _compile(sources: list[Path], to: Path, *options: str) -> None:
    with step(str(to.relative_to(ROOT))):
        run(["uv", "pip", "compile", *OPTIONS, *options, *sources, "-o", to], log=log_file("lock"))
