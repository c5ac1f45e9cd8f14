"""`make test`: every check of the project, one stage after the other, quick ones first."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from cluster.failure import Failure
from cluster.target import Target
from cluster.way import Way, choose
from offline.progress import say
from offline.versions import ROOT

PYTHON = [sys.executable, "-m"]
# Each has its own settings, and its own packages on the path.
UNIT = ["offline/tests", "scripts/tests", "services/crm", "services/iot", "offline/strimzi", "tests/charts"]
SHELL = ["scripts/mandates", ".ci/run", *(str(path.relative_to(ROOT)) for path in ROOT.glob("offline/images/*/*.sh"))]
CONTAINERFILES = ["offline/images/*/Containerfile", "offline/strimzi/Containerfile", "services/*/Dockerfile"]


def lint(way: Way) -> None:
    """Check style, types, shell, Containerfiles and YAML.

    :raises Failure: one of them complains.
    """
    files = [str(path.relative_to(ROOT)) for pattern in CONTAINERFILES for path in sorted(ROOT.glob(pattern))]
    _run(way, "ruff", "check", ".")
    _run(way, "ruff", "format", "--check", ".")
    for package in ("offline", "scripts/cluster", "services/crm/src", "services/iot/src", "offline/strimzi", "tests"):
        _run(way, "mypy", package)
    _run(way, "shellcheck", *SHELL)
    _run(way, "hadolint", *files)
    _run(way, "yamllint", "--strict", "k8s", "skaffold.yaml", "charts/crm/values.yaml", "charts/iot/values.yaml")


def unit(way: Way) -> None:
    """Run the tests that need no cluster; some of them start a broker in a container.

    :raises Failure: one fails.
    """
    for folder in UNIT:
        _run(way, *PYTHON, "pytest", "--rootdir", folder, folder)


def e2e(way: Way) -> None:
    """Run the end-to-end suite on a cluster of its own.

    :raises Failure: a test fails.
    """
    _run(way, *PYTHON, "pytest", "tests/e2e")


STAGES: dict[str, Callable[[Way], None]] = {"lint": lint, "unit": unit, "e2e": e2e}


def check(stages: list[str]) -> None:
    """Run stages, all of them when none is named; the first failure ends it.

    :raises Failure: a stage fails.
    """
    started = time.monotonic()
    way = choose()
    way.prepare()
    for name in stages or STAGES:
        say(f"== {name}")
        begun = time.monotonic()
        STAGES[name](way)
        say(f"== {name} passed  {time.monotonic() - begun:.0f} s")
    say(f"All passed in {time.monotonic() - started:.0f} s. Next: make up, or commit.")


def _run(way: Way, *words: str | Path) -> None:
    command = [str(word) for word in words]
    say("$ " + " ".join(Path(word).name if word == sys.executable else word for word in command))
    target = Target("", Path(), way.env)
    done = subprocess.run(target.found(command), cwd=ROOT, env=target.environment, check=False)  # noqa: S603  our own
    if done.returncode != 0:
        raise Failure(f"{' '.join(command[:4])} ended with {done.returncode}", "Mend what it names above")
