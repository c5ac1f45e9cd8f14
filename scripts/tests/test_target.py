"""Programs that work on a cluster: which one is run, and what is said when it fails."""

import os
from pathlib import Path

import pytest

from cluster import services
from cluster.failure import Failure
from cluster.target import Target

from .programs import Programs


def test_the_program_that_fails_is_named_with_what_it_said_and_its_log(programs: Programs, tmp_path: Path) -> None:
    programs.add("kubectl", "echo forbidden; exit 4")
    target = Target("t", tmp_path / "kubeconfig")
    with pytest.raises(
        Failure, match=r"^kubectl --context kind-t ended with 4:\n    forbidden\nRead .*/t-kubectl\.log$"
    ):
        target.kubectl("apply", "-k", "there")


def test_a_program_that_is_not_there(programs: Programs, tmp_path: Path) -> None:
    assert programs.calls() == []
    with pytest.raises(Failure, match=r"^the program kubectl is not there\. Run make up, which gets it$"):
        Target("t", tmp_path / "kubeconfig").kubectl("get", "nodes")


def test_a_ways_tools_come_before_the_callers(programs: Programs, tmp_path: Path) -> None:
    programs.add("kubectl", "echo caller")
    way = Programs(tmp_path / "way")
    way.add("kubectl", 'echo "$KUBECONFIG"')
    config = tmp_path / "kubeconfig"
    assert Target("t", config, {"PATH": str(way.folder)}).output("kubectl") == f"{config}\n"


def test_a_forward_that_cannot_be_made(programs: Programs, tmp_path: Path) -> None:
    programs.add("kubectl", 'echo "error: services not found"; exit 1')
    target = Target("t", tmp_path / "kubeconfig")
    expected = "^kubectl cannot forward to service/iot: error: services not found"
    with pytest.raises(Failure, match=expected), services.forwarded(target, "service/iot", 3008):
        pass


def test_a_forward_ends_with_its_use(programs: Programs, tmp_path: Path) -> None:
    programs.add("kubectl", 'echo $$ > pid; echo "Forwarding from 127.0.0.1:4711 -> 3008"; exec sleep 60')
    with services.forwarded(Target("t", tmp_path / "kubeconfig"), "service/iot", 3008) as port:
        assert port == 4711
    with pytest.raises(ProcessLookupError):
        os.kill(int((programs.folder / "pid").read_text()), 0)
