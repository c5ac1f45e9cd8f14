"""The wrapper under which Kafka's tools run in the pod `kafka-tools`: where and as whom need not be said."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from .manifests import K8S, everything

SERVER = ["--bootstrap-server", "mandates-kafka-bootstrap:9093"]
AS = ["--command-config", "/etc/kafka/tools/operator.properties"]


def run(folder: Path, *words: str) -> list[str]:
    """What the tool itself is called with."""
    tool = folder / "kafka-topics.sh"
    tool.write_text((K8S / "kafka-tools" / "tool.sh").read_text().replace("/opt/kafka/bin", str(folder / "real")))
    (folder / "real").mkdir()
    real = folder / "real" / tool.name
    real.write_text('#!/bin/sh\nfor word; do echo "$word"; done\n')
    for one in (tool, real):
        one.chmod(0o755)
    return subprocess.run(
        [tool, *words], capture_output=True, text=True, check=True, env=os.environ
    ).stdout.splitlines()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--describe", "--topic", "a b"], [*SERVER, *AS, "--describe", "--topic", "a b"]),
        (["--bootstrap-server", "x:1", "--list"], [*AS, "--bootstrap-server", "x:1", "--list"]),
        (["--list", "--command-config", "y"], [*SERVER, "--list", "--command-config", "y"]),
    ],
)
def test_what_is_not_said_is_added(tmp_path: Path, words: list[str], told: list[str]) -> None:
    assert run(tmp_path, *words) == told


def test_the_tools_that_the_verbs_use_are_there() -> None:
    volumes = everything("Deployment")["kafka-tools"]["spec"]["template"]["spec"]["volumes"]
    tools = {item["path"] for item in volumes[0]["configMap"]["items"]}
    used = set(re.findall(r"kafka-[a-z-]+\.sh", (K8S.parent / "scripts" / "operate" / "broker.py").read_text()))
    assert used
    assert used <= tools
