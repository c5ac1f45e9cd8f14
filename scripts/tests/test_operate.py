"""What an operator sees of a verb that cannot be done."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from offline.versions import ROOT


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["rebuild", "--back", "--forget"], "not allowed with"),
        (["redrive"], "required: action"),
        (["redrive", "send"], "name dead letters, or say --all"),
        (["redrive", "send", "x", "--all"], "name dead letters, or say --all"),
        (["audit", "x"], "unrecognized arguments"),
        (["announce", "x"], "unrecognized arguments"),
        (["audit"], "cluster nosuch does not answer. Run make up, or name another one: CLUSTER=name"),
    ],
)
def test_what_cannot_be_done(words: list[str], said: str, tmp_path: Path) -> None:
    env = {"PYTHONPATH": f"{ROOT}:{ROOT / 'scripts'}", "CLUSTER": "nosuch", "KUBECONFIG": str(tmp_path / "none")}
    done = subprocess.run(
        [sys.executable, "-P", "-m", "operate", *words],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
