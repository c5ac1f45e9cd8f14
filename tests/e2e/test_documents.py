"""README's own lines, given to a shell one after the other, as a reader does, and what it says of them."""

import re

import pytest

from cluster.target import Target
from curl import PORTS, service
from document import Step, steps
from offline.versions import ROOT
from parts.process import listens
from polling import poll_until
from shell import Shell, shell

FORWARD = re.compile(r"kubectl port-forward service/\w+ (\d+) &")
QUESTION = re.compile(r'curl "|kubectl (get|exec|logs) |scripts/(audit|redrive list)')


@pytest.fixture
def _as_after_make_up(target: Target) -> None:
    with service(target, "crm") as crm, service(target, "iot") as iot:
        for customer, name, connection, level in ((7, "Corinne", "7733", "1"), (5, "Markus", "4512", "0")):
            properties = {"firstName": name, "connectionId": connection, "connectionMandate": level}
            assert crm.post(f"/customers/{customer}", properties).status == 200
            poll_until(
                lambda connection=connection, level=level: (  # type: ignore[misc]
                    iot.curl(f"?connectionId={connection}").json["connectionMandate"] == level
                ),
                f"IoT says {level} for {connection}",
                seconds=10,
            )
    for port in PORTS.values():
        assert not listens(port), f"port {port} is taken on this machine: the walk needs it"


@pytest.mark.usefixtures("_as_after_make_up")
def test_each_line_does_what_is_said_of_it(target: Target) -> None:
    given = list(steps(ROOT / "README.md", "Walk through it"))
    assert sum(step.answer is not None for step in given) >= 2
    assert sum(step.command.startswith("curl") for step in given) >= 5
    with shell(target, ROOT) as reader:
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
