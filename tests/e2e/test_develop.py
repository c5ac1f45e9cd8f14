"""`skaffold dev`: an edited line of a service's code runs on the cluster seconds later."""

import shutil
import subprocess
from pathlib import Path

from cluster.target import Target
from offline.versions import ROOT
from polling import poll_until

LOGGED = "customers imported"
MARK = "edited by the end-to-end suite"


def test_an_edit_is_built_and_deployed(target: Target, tmp_path: Path) -> None:
    # In a copy: the test edits code, and the developer's own files are not its to edit.
    tree = tmp_path / "tree"
    for part in ("skaffold.yaml", "charts", "k8s", "services"):
        original = ROOT / part
        if original.is_dir():
            shutil.copytree(
                original, tree / part, ignore=shutil.ignore_patterns(".*_cache", "__pycache__", ".hypothesis")
            )
        else:
            tree.mkdir(exist_ok=True)
            shutil.copy2(original, tree / part)
    source = tree / "services" / "crm" / "src" / "crm" / "importer" / "importer.py"
    log = tmp_path / "skaffold.log"
    words = ["skaffold", "dev", "--kube-context", target.context, "--cleanup=false", "--tail=false"]
    with log.open("w") as sink:
        process = subprocess.Popen(
            [*map(str, words), "--port-forward=off"],
            cwd=tree,
            env=target.environment,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
        )
    try:
        poll_until(lambda: "Watching for changes" in log.read_text(), f"skaffold watches ({log})", seconds=120)
        code = source.read_text()
        assert LOGGED in code
        source.write_text(code.replace(LOGGED, MARK))
        kubectl = target.words("logs", "deployment/crm", "--container=crm")
        poll_until(lambda: MARK in (target.output(*kubectl) or ""), f"the edited CRM runs ({log})", seconds=90)
    finally:
        process.terminate()
        process.wait(30)
        # Back to the code of the checkout, for the tests that follow.
        target.run(
            "skaffold", "run", "--filename", ROOT / "skaffold.yaml", "--kube-context", target.context, log="develop"
        )
