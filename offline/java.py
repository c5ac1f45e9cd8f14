"""Jars collected by Maven: one pom a program under offline/java."""

from offline.step import CACHE, Run, Step
from offline.versions import ROOT

PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"


def jars(name: str) -> Step:
    """Return the step that collects the runtime jars of offline/java/`name`/pom.xml."""
    pom = ROOT / "offline" / "java" / name / "pom.xml"

    def recipe(run: Run) -> None:
        repository = f"-Dmaven.repo.local={CACHE / 'maven'}"
        goal = [PLUGIN, "-DincludeScope=runtime", f"-DoutputDirectory={run.out}"]
        run("mvn", "--batch-mode", "--file", pom, repository, *goal)

    return Step(f"java-{name}", recipe, files=[pom], settings=[PLUGIN])
