"""Programs that work on a cluster: which one is run, and what is said when it fails."""

import json
import os
from pathlib import Path

import pytest

from cluster import services
from cluster.command import errors_in
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


KIND = """Creating cluster "t" ...
 • Ensuring node image (kindest/node:v1.36.4) 🖼  ...
 ✗ Ensuring node image (kindest/node:v1.36.4) 🖼
ERROR: failed to create cluster: failed to pull image "kindest/node:v1.36.4": toomanyrequests: rate limit
Stack Trace:
sigs.k8s.io/kind/pkg/errors.Wrapf
	/go/src/kind/pkg/errors/errors.go:41
sigs.k8s.io/kind/pkg/cluster/internal/create.Cluster
	/go/src/kind/pkg/cluster/internal/create/create.go:77
main.main
	/go/src/kind/main.go:23
runtime.goexit
	/usr/local/go/src/runtime/asm_amd64.s:1693
"""
JAVA = """Exception in thread "main" org.apache.kafka.common.errors.TimeoutException: Call timed out
	at org.apache.kafka.common.internals.KafkaFutureImpl.failure(KafkaFutureImpl.java:45)
	at org.apache.kafka.tools.TopicCommand.main(TopicCommand.java:87)
"""


def test_of_a_stack_trace_only_the_error_is_told() -> None:
    (told,) = errors_in(KIND)
    assert told.startswith("ERROR: failed to create cluster: failed to pull image")
    assert errors_in(JAVA) == JAVA.splitlines()[:1]


def test_the_last_lines_are_told_where_none_names_an_error() -> None:
    assert errors_in("\n".join(map(str, range(9)))) == ["3", "4", "5", "6", "7", "8"]


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
    with services.forwarded(Target("t", tmp_path / "kubeconfig"), "pod/iot-0", 3008) as port:
        assert port == 4711
    with pytest.raises(ProcessLookupError):
        os.kill(int((programs.folder / "pid").read_text()), 0)


def endpoint(pod: str, *, ready: bool, terminating: bool) -> dict[str, object]:
    return {"conditions": {"ready": ready, "terminating": terminating}, "targetRef": {"kind": "Pod", "name": pod}}


@pytest.mark.parametrize(
    ("endpoints", "chosen"),
    [
        ([endpoint("old", ready=False, terminating=True), endpoint("new", ready=True, terminating=False)], "pod/new"),
        (
            [endpoint("slow", ready=False, terminating=False), endpoint("quick", ready=True, terminating=False)],
            "pod/quick",
        ),
        ([endpoint("only", ready=False, terminating=False)], "pod/only"),
        ([endpoint("last", ready=False, terminating=True)], "service/iot"),
        (None, "service/iot"),
    ],
)
def test_a_service_is_forwarded_to_a_pod_that_stays(
    programs: Programs, tmp_path: Path, endpoints: list[dict[str, object]] | None, chosen: str
) -> None:
    listed = json.dumps({"items": [{"endpoints": endpoints}]})
    programs.add(
        "kubectl", f"""case "$*" in *get*) echo '{listed}';; *) echo "127.0.0.1:1 -> 3008"; exec sleep 60;; esac"""
    )
    with services.forwarded(Target("t", tmp_path / "kubeconfig"), "service/iot", 3008):
        assert f"port-forward {chosen} :3008" in programs.calls()[-1]
