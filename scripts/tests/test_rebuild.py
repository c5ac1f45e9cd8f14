"""What is dropped with the read model that is not in use, and how a pod is asked."""

import json
from pathlib import Path

import pytest

from cluster.failure import Failure
from cluster.target import Target
from operate import pod
from operate.pod import ask_in
from operate.rebuild import forget

from .programs import Programs
from .test_announce import DEPLOYMENT
from .test_broker import POD

KUBECTL = """case "$*" in
*" get pods "*) cat pods.json ;;
*" get deployment iot "*) cat iot.json ;;
*" get statefulset redis "*) echo '{}' ;;
*" get component.dapr.io "*) echo '{}' ;;
*" get "*) exit 1 ;;
*" exec "*) ;;
esac
"""


def test_a_store_that_nothing_uses_is_no_longer_declared(programs: Programs) -> None:
    (programs.folder / "pods.json").write_text(json.dumps({"items": [POD]}))
    (programs.folder / "iot.json").write_text(json.dumps(DEPLOYMENT))
    programs.add("kubectl", KUBECTL)
    programs.add("helm", "echo $HELM_NAMESPACE >namespace; echo '[]'")
    forget(Target("test", Path("/nowhere"), namespace="there"))
    (deleted,) = [call for call in programs.calls("kubectl") if " delete " in call]
    assert " delete component.dapr.io durable-statestore " in f"{deleted} "
    assert (programs.folder / "namespace").read_text() == "there\n"
    assert all(" --namespace there " in call for call in programs.calls("kubectl"))


class TestPod:
    TARGET = Target("test", Path("/nowhere"), namespace="there")

    @pytest.fixture(autouse=True)
    def quick(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(pod, "PAUSE", 0.01)

    def test_a_command_that_fails_is_given_again(self, programs: Programs) -> None:
        programs.add("kubectl", "if [ ! -e tried ]; then touch tried; exit 1; fi; echo fine")
        assert ask_in(self.TARGET, "redis-0", "true") == "fine\n"

    def test_one_that_always_fails_is_told(self, programs: Programs) -> None:
        programs.add("kubectl", "echo gone >&2; exit 1")
        with pytest.raises(Failure, match="true in pod redis-0 ended with 1:\n    gone"):
            ask_in(self.TARGET, "redis-0", "true")
        assert len(programs.calls("kubectl")) == 3
