"""The charts that are fetched: Dapr's own, and one that looks like Strimzi's and installs the stand-in."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

from offline import plan
from offline.step import Run, Step
from offline.versions import ROOT, version

from .upstream import SITE

OPERATOR = ROOT / "offline" / "strimzi" / "deploy"
LOOK_ALIKE: dict[str, Any] = {
    "apiVersion": "v2",
    "name": "strimzi-kafka-operator",
    "version": version("platform", "strimzi"),
    "description": "No chart of Strimzi's: it installs the stand-in of offline/strimzi, for the tests",
}


def _package(run: Run) -> None:
    helm, dapr = plan.tools.out / "helm", version("platform", "dapr")
    site = run.out / "site" / "helm-charts"
    # The module carries the chart without its version.
    run(helm, "package", plan.dapr.out / "chart", f"--version={dapr}", f"--app-version={dapr}", "--destination", site)
    run(helm, "repo", "index", site, "--url", f"https://{SITE}/helm-charts")
    run(helm, "package", _look_alike(run.out / "look-alike"), "--destination", run.out)


def _look_alike(folder: Path) -> Path:
    shutil.copytree(plan.crds.out, folder / "crds")
    (folder / "Chart.yaml").write_text(yaml.safe_dump(LOOK_ALIKE))
    kubectl = [str(plan.tools.out / "kubectl"), "kustomize", str(OPERATOR)]
    rendered = subprocess.run(kubectl, check=True, capture_output=True, text=True).stdout
    # Helm makes the namespace.
    documents = [one for one in yaml.safe_load_all(rendered) if one["kind"] != "Namespace"]
    (folder / "templates").mkdir()
    (folder / "templates" / "operator.yaml").write_text(yaml.safe_dump_all(documents))
    return folder


charts = Step(
    "pull-charts",
    _package,
    files=[OPERATOR],
    settings=[str(LOOK_ALIKE), SITE],
    needs=[plan.tools, plan.dapr, plan.crds],
)
STRIMZI = f"strimzi-kafka-operator-{LOOK_ALIKE['version']}.tgz"
