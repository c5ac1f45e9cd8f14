"""The operator's verbs, run as an operator runs them, from a copy of the project: a rebuild writes into it."""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster.target import Target
from offline.versions import ROOT

PARTS = (
    "scripts",
    "offline",
    "charts",
    "k8s",
    "services",
    "requirements-cluster.lock",
    "versions.toml",
    "skaffold.yaml",
)
Finished = "subprocess.CompletedProcess[str]"


def copied(folder: Path) -> Path:
    """Copy what the verbs and Skaffold need of the project."""
    left_out = shutil.ignore_patterns(".*_cache", "__pycache__", ".hypothesis")
    folder.mkdir()
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, folder / part, ignore=left_out)
        else:
            shutil.copy2(ROOT / part, folder / part)
    return folder


@dataclass(frozen=True)
class Verbs:
    """The verbs on the suite's cluster."""

    target: Target
    tree: Path

    def start(self, verb: str, *words: str) -> "subprocess.Popen[str]":
        """Start one; its output can be read: both streams, unless it answers a machine."""
        where = {"CLUSTER": self.target.name, "KUBECONFIG": str(self.target.kubeconfig)}
        return subprocess.Popen(
            [self.tree / "scripts" / verb, *words],
            env={**os.environ, **where},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=None if "--json" in words else subprocess.STDOUT,
            text=True,
        )

    def run(self, verb: str, *words: str, code: int = 0) -> str:
        """Run one to its end; its output, both streams."""
        with self.start(verb, *words) as process:
            text, _ = process.communicate(timeout=300)
        assert process.returncode == code, text
        return text

    def json(self, verb: str, *words: str, code: int = 0) -> Any:
        """Run one that answers a machine."""
        return json.loads(self.run(verb, *words, "--json", code=code))
