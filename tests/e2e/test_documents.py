"""The documents' own lines, given to a shell one after the other, as a reader does, and what they say of them."""

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from cluster.target import Target
from curl import PORTS, service
from document import Step, steps
from offline.versions import ROOT
from operate.pod import run_in
from parts.process import listens
from polling import poll_until
from shell import Shell, shell
from verbs import Verbs, copied

FORWARD = re.compile(r"kubectl port-forward service/\w+ (\d+) &")
QUESTION = re.compile(r'curl "|kubectl (get|exec|logs) |scripts/(audit|redrive list)')


@pytest.fixture(autouse=True)
def _free_ports() -> None:
    for port in PORTS.values():
        assert not listens(port), f"port {port} is taken on this machine: the walk needs it"


@pytest.fixture
def _as_after_make_up(target: Target) -> None:
    """Those customers whom README changes."""
    with service(target, "crm") as crm:
        for customer, name, connection, level in ((7, "Corinne", "7733", "1"), (5, "Markus", "4512", "0")):
            properties = {"firstName": name, "connectionId": connection, "connectionMandate": level}
            assert crm.post(f"/customers/{customer}", properties).status == 200
    _known(target, seconds=10)


@pytest.fixture
def tree(target: Target, tmp_path: Path) -> Path:
    """A copy of the project, with all of the cluster as after `make up` but for what is on the topic.

    CRM in memory forgets what it is not told by its file. IoT forgets nothing, so its store is emptied; and
    the suite's connections, which nobody holds any more, are revoked on the topic.
    """
    verbs = Verbs(target, copied(tmp_path / "tree"))
    verbs.run("rebuild", "--forget")
    target.kubectl("scale", "deploy/crm", "--replicas=0")
    target.kubectl("wait", "--for=delete", "pod", "-l", "app.kubernetes.io/name=crm")
    run_in(target, "redis-0", "redis-cli", "-e", "FLUSHALL")
    target.kubectl("scale", "deploy/crm", "--replicas=1")
    target.kubectl("rollout", "status", "deploy/crm")
    _known(target, seconds=30)  # CRM has only just started
    verbs.run("announce")
    return verbs.tree


def _known(target: Target, seconds: float) -> None:
    with service(target, "iot") as iot:
        for connection, level in (("7733", "1"), ("4512", "0")):
            poll_until(
                lambda connection=connection, level=level: (  # type: ignore[misc]
                    iot.curl(f"?connectionId={connection}").json["connectionMandate"] == level
                ),
                f"IoT says {level} for {connection}",
                seconds=seconds,
            )


@pytest.mark.usefixtures("_as_after_make_up")
def test_each_line_of_the_readme_does_what_is_said_of_it(target: Target) -> None:
    given = list(steps(ROOT / "README.md", "Walk through it"))
    assert sum(step.answer is not None for step in given) >= 2
    assert sum(step.command.startswith("curl") for step in given) >= 5
    _walk(target, ROOT, given)


# What cannot be read stays on the topic, and is a dead letter again after each rebuild.
@pytest.mark.last
def test_each_line_of_the_walkthrough_does_what_is_said_of_it(target: Target, tree: Path) -> None:
    given = list(steps(ROOT / "docs" / "walkthrough.md"))
    assert sum(step.answer is not None for step in given) >= 22
    _walk(target, tree, given)


def _walk(target: Target, folder: Path, given: Sequence[Step]) -> None:
    with shell(target, folder) as reader:
        for step in given:
            _follow(reader, step)


def _follow(reader: Shell, step: Step) -> None:
    def seen() -> bool:
        said = reader.run(step.command)
        assert step.answered_by(said), said
        return True

    if forward := FORWARD.fullmatch(step.command):
        # A reader who is quicker than the one before is at its end sees it, and tries again.
        poll_until(lambda: not listens(int(forward[1])), f"port {forward[1]} is free", seconds=30)
        reader.run(step.command)
        poll_until(lambda: listens(int(forward[1])), step.command, seconds=30)
    elif step.answer and QUESTION.match(step.command):
        poll_until(seen, f"{step.command} says {step.answer}", seconds=30)
    elif step.answer:
        seen()
    else:
        said = reader.run(step.command)
        assert "about:blank" not in said, said
