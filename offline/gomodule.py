"""Programs built from Go modules: one go.mod of the project's own a program family, under offline/go."""

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from offline.step import CACHE, Run, Step
from offline.versions import ROOT

GO = ROOT / "offline" / "go"
ENVIRONMENT = {
    "GOMODCACHE": str(CACHE / "go" / "mod"),
    "GOCACHE": str(CACHE / "go" / "build"),
    "GOFLAGS": "-modcacherw",
    # Static: most of these programs run alone in an empty image.
    "CGO_ENABLED": "0",
}


def program(
    name: str,
    packages: Sequence[str],
    *,
    symbols: Mapping[str, str] | None = None,
    tags: str = "",
    rename: Mapping[str, str] | None = None,
    also: Callable[[Run], None] = lambda _: None,
) -> Step:
    """Return the step that builds the packages of offline/go/`name`.

    :param symbols: string variables set by the linker, such as version numbers.
    :param rename: program names to change, where the package's last folder is no good name.
    :param also: copies more out of the module, such as a Helm chart that it carries.
    """
    flags = " ".join(["-s", "-w", *(f"-X {key}={value}" for key, value in (symbols or {}).items())])

    def recipe(run: Run) -> None:
        out = f"{run.out}{os.sep}"
        run(
            *("go", "build", "-trimpath", "-tags", tags, "-ldflags", flags, "-o", out, *packages),
            cwd=GO / name,
            env=ENVIRONMENT,
        )
        for old, new in (rename or {}).items():
            (run.out / old).rename(run.out / new)
        also(run)

    return Step(
        name=f"go-{name}",
        recipe=recipe,
        files=[GO / name],
        settings=[flags, tags, *packages, *(rename or {}).values()],
    )


def copy_from(module: str, version: str, folder: str, to: str) -> Callable[[Run], None]:
    """Return a recipe that copies a folder of a module, as its archive has it, into the output."""

    def recipe(run: Run) -> None:
        source = Path(ENVIRONMENT["GOMODCACHE"]) / f"{module}@v{version}" / folder
        shutil.copytree(source, run.out / to)

    return recipe


def forget_sources() -> None:
    """Remove Go's downloads and intermediate results: 16 GB that only the next compilation would use."""
    shutil.rmtree(CACHE / "go", ignore_errors=True)
