"""Render a chart with the real Helm, and find one object in what comes out."""

import json
import os
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
CHARTS = ROOT / "charts"
SERVICES = {"crm": 3005, "iot": 3008}

Manifest = dict[str, Any]


class RefusedError(Exception):
    """Helm would not do it; the message is Helm's."""


def helm(*arguments: str) -> str:
    """Run Helm (the environment's HELM, or `helm` on the path) and give its output.

    Raises:
        RefusedError: Helm ended with another code than 0.
    """
    done = subprocess.run([os.environ.get("HELM", "helm"), *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RefusedError(done.stderr)
    return done.stdout


def render(chart: str, **values: object) -> list[Manifest]:
    """Give the objects of a release named as its chart, without its `helm test`.

    Args:
        chart: a folder of charts/.
        values: what to set; `service__port` is the value service.port.

    Raises:
        RefusedError: the chart's schema or its templates refuse the values.
    """
    return render_as(chart, chart, **values)


def render_as(release: str, chart: str, **values: object) -> list[Manifest]:
    """Give the same of a release of another name."""
    sets = [f"--set-json={at.replace('__', '.')}={json.dumps(to)}" for at, to in values.items()]
    return read(helm("template", "--skip-tests", release, str(CHARTS / chart), *sets))


def read(text: str) -> list[Manifest]:
    """Give the objects of a text of YAML documents."""
    return [document for document in yaml.safe_load_all(text) if document]


def the(kind: str, manifests: Iterable[Manifest]) -> Manifest:
    """Give the one object of this kind; there being none or more is an error."""
    (found,) = (manifest for manifest in manifests if manifest["kind"] == kind)
    return found
