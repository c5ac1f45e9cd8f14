"""`make test`: every check of the project, one stage after the other, quick ones first."""

import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cluster import engine, host
from cluster.built import Built
from cluster.command import log_file
from cluster.failure import Failure
from cluster.target import developer
from cluster.way import Way, choose, made_by
from offline import plan, process
from offline.java import jars
from offline.progress import say, step
from offline.versions import ROOT

PYTHON = [sys.executable, "-m"]
# Each has its own settings, and its own packages on the path. The longest first: two run side by side.
UNIT = [
    *("services/crm", "services/iot", "scripts/tests", "offline/tests", "tests/charts"),
    *("offline/strimzi", "tests/contract", "bench/tests", "parts/tests"),
]
TYPED = ["offline", "scripts", "parts", "bench", "services/crm/src", "services/iot/src", "offline/strimzi", "tests"]
SHELL = ["scripts/mandates", *(f"scripts/{verb}" for verb in ("announce", "audit", "rebuild", "redrive", "topic"))]
SHELL += [".ci/run", "offline/**/*.sh"]
CONTAINERFILES = ["offline/**/Containerfile", "services/*/Dockerfile"]
# Templates are no YAML; tests/charts reads what comes out of them.
YAML = [".github/workflows/*.yaml", "k8s/**/*.yaml", "skaffold.yaml", "charts/*/*.yaml"]
YAML += ["offline/strimzi/deploy/*.yaml"]


def lint(way: Way) -> None:
    """Check style, types, shell, Containerfiles and YAML.

    :raises Failure: one of them complains.
    """
    _run(way, "ruff", "check", ".")
    _run(way, "ruff", "format", "--check", ".")
    for package in TYPED:
        _run(way, "mypy", package)
    for service in ("services/crm", "services/iot"):
        sources = {"PYTHONPATH": str(ROOT / service / "src")}
        _run(way, "lint-imports", f"{service}/pyproject.toml", "--no-cache", env=sources)
    if host.missing(["shellcheck"]):
        say("  ! no shellcheck here (its package has none for Linux on arm64): scripts of sh are not checked")
    else:
        _run(way, "shellcheck", *_files(SHELL))
    if shutil.which("actionlint", path=way.env["PATH"]):
        _run(way, "actionlint")
    else:
        say("  ! no actionlint here (it is built where images are): workflows are checked where they run")
    _run(way, "hadolint", *_files(CONTAINERFILES))
    _run(way, "yamllint", "--strict", *_files(YAML))


def unit(way: Way) -> None:
    """Run the tests that need no cluster, two folders side by side; some start real parts, see parts/README.md.

    :raises Failure: one fails.
    """
    built = real_parts()
    with ThreadPoolExecutor(max_workers=2) as pool:
        running = [pool.submit(_tests, way, folder, built) for folder in UNIT]
    for one in running:
        one.result()


def e2e(way: Way) -> None:
    """Run the end-to-end suite on a cluster of its own.

    :raises Failure: a test fails.
    """
    _run(way, *PYTHON, "pytest", "tests/e2e")


def pull(way: Way) -> None:
    """Walk the way with image registries on hosts of our own; what they pull was built on this machine.

    :raises Failure: a test fails, or this machine builds no images.
    """
    if not isinstance(way, Built):
        raise Failure("registries of our own are filled with images that are built here", "Run it with IMAGES=build")
    _run(way, *PYTHON, "pytest", "tests/pull", "-m", "not long")


def pull_all(way: Way) -> None:
    """Walk on: the end-to-end suite on that way, and a slow registry.

    :raises Failure: as `pull`.
    """
    _run(way, *PYTHON, "pytest", "tests/pull", "-m", "long")


def real_parts() -> dict[str, str]:
    """Return the variables that name the sidecar and Kafka's jars, where the project has built them.

    Tests of the services then use them, and the stores installed here, which they pause and kill.

    :raises Failure: something is missing and cannot be installed.
    """
    kafka = jars("kafka")
    if not (plan.dapr.done() and kafka.done()):
        return {}
    host.install(
        {"redis-server": "redis-server", "/usr/sbin/mariadbd": "mariadb-server", "java": "default-jre-headless"}
    )
    return {"DAPRD": str(plan.dapr.out / "daprd"), "KAFKA_JARS": str(kafka.out)}


def production(way: Way) -> None:
    """Run the production form on a cluster of four nodes, and stop one of them hard.

    :raises Failure: something accepted is lost, or does not come back.
    """
    _run(way, *PYTHON, "pytest", "tests/production", "-s")


STAGES: dict[str, Callable[[Way], None]] = {
    **{"lint": lint, "unit": unit, "e2e": e2e},
    **{"pull": pull, "pull-all": pull_all, "production": production},
}
# Those of a run that names none.
USUAL = ("lint", "unit", "e2e")


def check(stages: list[str]) -> None:
    """Run stages, the usual ones when none is named; the first failure ends it.

    :raises Failure: a stage fails.
    """
    started = time.monotonic()
    # As the developer's cluster was made, if there is one: nothing has to be pulled to find that out.
    way = (None if os.environ.get("IMAGES") else made_by(developer())) or choose()
    service_ran = engine.service_answers()
    way.prepare()
    # With which the end-to-end suite asks the services, as the README does.
    host.install({"curl": "curl"})
    try:
        for name in stages or USUAL:
            say(f"== {name}")
            begun = time.monotonic()
            STAGES[name](way)
            say(f"== {name} passed  {time.monotonic() - begun:.0f} s")
    finally:
        # A run of the checks leaves nothing running that did not run before.
        if not service_ran:
            engine.stop_service()
    say(f"All passed in {time.monotonic() - started:.0f} s. Next: make up, or commit.")


def _files(patterns: list[str]) -> list[str]:
    return [str(path.relative_to(ROOT)) for pattern in patterns for path in sorted(ROOT.glob(pattern))]


def _tests(way: Way, folder: str, env: Mapping[str, str]) -> None:
    """What pytest prints is shown when a test fails: two would talk at the same time."""
    log = log_file(f"test-{folder.replace('/', '-')}")
    try:
        with step(f"(cd {folder}; python -m pytest)", log), log.open("w") as sink:
            environment = {**os.environ, **way.env, **env}
            process.run([*PYTHON, "pytest"], cwd=ROOT / folder, env=environment, stdout=sink, stderr=subprocess.STDOUT)
    except subprocess.CalledProcessError as error:
        say(log.read_text(errors="replace"))
        raise Failure(f"a test in {folder} failed (exit code {error.returncode})", "Mend what it names above") from None
    say(f"    {log.read_text(errors='replace').strip().splitlines()[-1]}")


def _run(way: Way, *words: str, cwd: Path = ROOT, env: Mapping[str, str] | None = None) -> None:
    shown = shlex.join([Path(words[0]).name, *words[1:]])
    say(f"$ {shown}" if cwd == ROOT else f"$ (cd {cwd.relative_to(ROOT)}; {shown})")
    done = subprocess.run(words, cwd=cwd, env={**os.environ, **way.env, **(env or {})}, check=False)
    if done.returncode != 0:
        where = "" if cwd == ROOT else f" in {cwd.relative_to(ROOT)}"
        raise Failure(f"{' '.join(shown.split()[:4])}{where} ended with {done.returncode}", "Mend what it names above")
