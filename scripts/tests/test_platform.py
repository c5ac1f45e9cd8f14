"""What `make up` makes once, and what it waits for before it applies anything."""

import json
from pathlib import Path

import pytest
import yaml

from cluster import platform
from cluster.failure import Failure
from cluster.secret import fresh
from cluster.target import NAMESPACE, Target

from .programs import Programs

# Knows what is in the file THING.json, and keeps what it is to create.
KUBECTL = """
case "$5" in
get) [ ! -e "$6.json" ] || cat "$6.json" ;;
create) cat >> created ;;
wait) [ "$6" = --for=condition=Ready ] || [ ! -e stuck ] ;;
patch) rm -f stuck ;;
esac
"""


@pytest.fixture
def target(programs: Programs, tmp_path: Path) -> Target:
    programs.add("kubectl", KUBECTL)
    return Target("t", tmp_path / "kubeconfig", namespace="mine")


def made(programs: Programs) -> dict[str, dict[str, str]]:
    """The Secrets that were created: name -> content."""
    created = json.loads((programs.folder / "created").read_text())
    return {one["metadata"]["name"]: one["stringData"] for one in created["items"]}


def there(programs: Programs, *names: str) -> None:
    items = [{"metadata": {"name": name}} for name in names]
    (programs.folder / "secrets.json").write_text(json.dumps({"items": items}))


def test_each_secret_is_made_and_no_command_line_shows_one(programs: Programs, target: Target) -> None:
    there(programs)
    platform._secrets(target)
    secrets = made(programs)
    assert secrets.keys() == {"crm-app-token", "iot-app-token", "redis", "mariadb", "crm-mariadb"}
    passwords = [
        value for content in secrets.values() for key, value in content.items() if "-" not in key and key != "url"
    ]
    assert [len(one) for one in passwords] == [64] * 5
    assert len(set(passwords)) == 5
    assert not any(one in line for one in passwords for line in programs.calls())
    assert secrets["mariadb"]["connection-string"].startswith(
        f"iot:{secrets['mariadb']['password']}@tcp(mariadb:3306)/?"
    )
    assert f"//crm:{secrets['crm-mariadb']['password']}@crm-mariadb:3306/crm" in secrets["crm-mariadb"]["url"]


def test_a_secret_that_is_there_stays(programs: Programs, target: Target) -> None:
    there(programs, *fresh())
    platform._secrets(target)
    assert programs.calls("kubectl --context kind-t --namespace mine create") == []
    there(programs, *(fresh().keys() - {"redis"}))
    platform._secrets(target)
    assert made(programs).keys() == {"redis"}


def test_the_namespace_is_the_one_that_its_manifest_makes() -> None:
    (namespace,) = yaml.safe_load_all((platform.K8S / "namespace.yaml").read_text())
    assert namespace["metadata"]["name"] == NAMESPACE


def leaving(programs: Programs, *names: str) -> None:
    items = [{"kind": "KafkaTopic", "metadata": {"name": "stays"}}]
    goes = {"deletionTimestamp": "2026-01-01T00:00:00Z"}
    items += [{"kind": "KafkaTopic", "metadata": {"name": name, **goes}} for name in names]
    (programs.folder / "kafkatopic,kafkauser,kafkanodepool,kafka.json").write_text(json.dumps({"items": items}))


def test_what_is_being_deleted_is_waited_for_all_at_once(programs: Programs, target: Target) -> None:
    leaving(programs, "goes", "too")
    platform._gone(target)
    acted = [line.removeprefix("kubectl --context kind-t --namespace mine ") for line in programs.calls()]
    assert [line for line in acted if not line.startswith("get")] == [
        "wait --for=delete --timeout=60s kafkatopic/goes kafkatopic/too"
    ]


def test_what_nobody_lets_go_is_let_go(programs: Programs, target: Target, capsys: pytest.CaptureFixture[str]) -> None:
    leaving(programs, "goes")
    (programs.folder / "stuck").touch()
    platform._gone(target)
    patched = programs.calls("kubectl --context kind-t --namespace mine patch kafkatopic/goes")
    assert len(patched) == 1
    assert "no operator has let kafkatopic/goes go in 60 s: its finalizer is taken away" in capsys.readouterr().out


def test_what_goes_just_before_it_is_let_go_is_no_failure(programs: Programs, target: Target) -> None:
    programs.add("kubectl", KUBECTL.replace("rm -f stuck", 'rm -f stuck; echo "Error: not found" >&2; exit 1'))
    leaving(programs, "goes")
    (programs.folder / "stuck").touch()
    platform._gone(target)


SLOW = """
case "$5" in
wait) echo "error: timed out waiting for the condition on kafkas/k" >&2; exit 1 ;;
get)
  case "$6 $7" in
  "kafka -o") cat kafka.json ;;
  "pods --selector=strimzi.io/cluster") cat pods.json ;;
  esac ;;
esac
"""


def test_what_kafka_waits_for_is_told(programs: Programs, target: Target, capsys: pytest.CaptureFixture[str]) -> None:
    programs.add("kubectl", SLOW)
    said = {"type": "NotReady", "status": "True", "message": "Pods are not up"}
    kafka = {"items": [{"metadata": {"name": "k"}, "status": {"conditions": [said]}}]}
    waits = {"state": {"waiting": {"reason": "ImagePullBackOff", "message": "no route to quay.io"}}}
    ready = {"conditions": [{"type": "Ready", "status": "True"}]}
    pods = [
        {"metadata": {"name": "k-0"}, "status": {"containerStatuses": [waits], "phase": "Pending"}},
        {"metadata": {"name": "k-1"}, "status": ready},
        {"metadata": {"name": "k-2"}, "status": {"phase": "Pending"}},
    ]
    (programs.folder / "kafka.json").write_text(json.dumps(kafka))
    (programs.folder / "pods.json").write_text(json.dumps({"items": pods}))
    with pytest.raises(Failure) as raised:
        platform._ready(target, "kafka")
    assert str(raised.value).splitlines() == [
        "Kafka is not ready after 900 s:",
        "    kafka/k: Pods are not up",
        "    pod k-0: ImagePullBackOff no route to quay.io",
        "    pod k-2: Pending",
        "Look at kubectl --context kind-t describe kafka, and run make up again to go on waiting",
    ]
    assert "  … waits for pod k-0: ImagePullBackOff no route to quay.io\n" in capsys.readouterr().out
    asked = programs.calls("kubectl --context kind-t --namespace mine wait")
    assert [line.split()[8] for line in asked] == ["--timeout=180s"] * 5


def test_every_program_is_told_the_namespace(programs: Programs, target: Target) -> None:
    programs.add("helm", 'echo "$HELM_NAMESPACE $SKAFFOLD_NAMESPACE"')
    assert target.output("helm") == "mine mine\n"
    target.get("pods")
    assert programs.calls("kubectl") == ["kubectl --context kind-t --namespace mine get pods -o json"]
