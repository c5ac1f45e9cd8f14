"""When a cluster stays, when it is made anew, and that no half of one is left."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster import node
from cluster.failure import Failure
from cluster.target import Target

from .programs import Programs

# Keeps its clusters in a file, as kind does in containers.
KIND = """
case "$1 $2" in
"get clusters") cat clusters 2>/dev/null ;;
"create cluster") cat > config; echo "$4" > clusters; [ ! -e create.sh ] || . ./create.sh ;;
"delete cluster") rm -f clusters annotations ;;
esac
exit 0
"""
# Answers while the file nodes.json is there.
KUBECTL = """
case "$5" in
get) cat nodes.json ;;
annotate) echo "$*" >> annotations ;;
esac
"""


class Machine:
    """Where a cluster runs, or not."""

    def __init__(self, programs: Programs, folder: Path) -> None:
        self.programs = programs
        self.target = Target("t", folder / "new" / "kubeconfig")
        programs.add("kind", KIND)
        programs.add("kubectl", KUBECTL)

    def has(self, *, ready: bool = True, **annotations: str) -> None:
        (self.programs.folder / "clusters").write_text("other\nt\n")
        status = {"conditions": [{"type": "Ready", "status": "True" if ready else "Unknown"}]}
        metadata = {"annotations": {f"mandates/{name}": value for name, value in annotations.items()}}
        nodes = {"items": [{"metadata": metadata, "status": status}]}
        (self.programs.folder / "nodes.json").write_text(json.dumps(nodes))

    def ensure(self) -> list[str]:
        """Return what was done to clusters."""
        node.ensure(self.target, "image:1", node.config({}), "new", node.Origin("pull", "podman"))
        return self.done()

    def done(self) -> list[str]:
        words = [line.split() for line in self.programs.calls("kind")]
        return [verb for _, verb, *_ in words if verb != "get"]

    def clusters(self) -> list[str]:
        file = self.programs.folder / "clusters"
        return file.read_text().split() if file.exists() else []


@pytest.fixture
def machine(programs: Programs, tmp_path: Path) -> Machine:
    return Machine(programs, tmp_path)


def test_where_there_is_none_it_is_made_and_what_it_was_made_from_is_noted(machine: Machine) -> None:
    assert machine.ensure() == ["create"]
    config = f"--name t --image image:1 --kubeconfig {machine.target.kubeconfig} --config - --wait=90s"
    assert machine.programs.calls("kind create") == [f"kind create cluster {config}"]
    assert machine.target.kubeconfig.parent.is_dir()
    annotate = "kubectl --context kind-t --namespace mandates annotate nodes --all --overwrite"
    noted = f"{annotate} mandates/images=new mandates/way=pull mandates/engine=podman"
    current = f"kubectl config set-context {machine.target.context} --namespace=mandates"
    assert machine.programs.calls("kubectl") == [noted, current]
    assert node.origin_of(machine.target) == ("pull", "podman")


def test_kind_gets_the_configuration(machine: Machine) -> None:
    machine.ensure()
    config = yaml.safe_load((machine.programs.folder / "config").read_text())
    (patch,) = (yaml.safe_load(one) for one in config["kubeadmConfigPatches"])
    assert (config["kind"], patch["kind"]) == ("Cluster", "KubeletConfiguration")
    assert patch["failCgroupV1"] is False


def test_a_healthy_one_of_the_same_images_is_left_alone(machine: Machine) -> None:
    machine.has(images="new", way="pull", engine="podman")
    assert machine.ensure() == []
    assert machine.clusters() == ["other", "t"]


def test_how_it_was_made_is_read_from_the_cluster_where_the_kubeconfig_is_a_copy(machine: Machine) -> None:
    machine.has(images="new", way="build", engine="podman")
    assert node.origin_of(machine.target) == ("build", "podman")


def test_how_it_was_made_is_known_while_it_is_dead_and_forgotten_with_it(machine: Machine) -> None:
    machine.ensure()
    machine.has()
    (machine.programs.folder / "nodes.json").unlink()
    assert node.origin_of(machine.target) == ("pull", "podman")
    node.delete(machine.target)
    assert node.origin_of(machine.target) is None


def test_one_that_is_older_than_such_notes_gets_them(machine: Machine) -> None:
    machine.has(images="new")
    assert machine.ensure() == []
    assert len(machine.programs.calls("kubectl --context kind-t --namespace mandates annotate")) == 1
    assert node.note_of(machine.target).read_text() == "pull podman\n"


@pytest.mark.parametrize(
    ("state", "why"),
    [
        ({"images": "old"}, "was made from other images"),
        ({"ready": False, "images": "new"}, "is dead or half made"),
        ({}, "is dead or half made"),
    ],
)
def test_one_that_does_not_do_is_made_anew(
    machine: Machine, state: dict[str, Any], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.has(**state)
    assert machine.ensure() == ["delete", "create"]
    assert f"  ! cluster t {why}: it is made anew\n" in capsys.readouterr().out


def test_one_whose_api_server_does_not_answer_is_made_anew(machine: Machine) -> None:
    machine.has(images="new")
    (machine.programs.folder / "nodes.json").unlink()
    assert machine.ensure() == ["delete", "create"]


def test_a_cluster_of_another_name_is_none(machine: Machine) -> None:
    (machine.programs.folder / "clusters").write_text("tt\nmandates\n")
    assert not node.exists(machine.target)


def test_one_that_kind_does_not_tell_of_is_not_touched(machine: Machine) -> None:
    machine.has(images="new")
    machine.programs.add("kind", "exit 1")
    with pytest.raises(Failure, match=r"^kind get clusters fails or takes more than 60 s"):
        machine.ensure()
    assert machine.done() == []


def test_what_a_failure_left_is_deleted(machine: Machine) -> None:
    (machine.programs.folder / "create.sh").write_text("echo no space left >&2; exit 1")
    with pytest.raises(Failure, match=r"kind create cluster ended with 1:\n    no space left"):
        machine.ensure()
    assert machine.done() == ["create", "delete"]
    assert machine.clusters() == []


def test_what_a_killed_run_left_half_made_is_known(machine: Machine) -> None:
    note = node.note_of(machine.target)
    (machine.programs.folder / "create.sh").write_text(f"cp {note} noted")
    machine.ensure()
    assert (machine.programs.folder / "noted").read_text() == "pull podman\n"


def test_what_ctrl_c_left_is_deleted(machine: Machine) -> None:
    (machine.programs.folder / "create.sh").write_text("kill -INT $PPID; exec sleep 60")
    with pytest.raises(KeyboardInterrupt):
        machine.ensure()
    assert machine.done() == ["create", "delete"]
    assert machine.clusters() == []
