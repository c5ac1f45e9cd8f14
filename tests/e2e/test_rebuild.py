"""The read model is filled anew from the topic, into another store and back, while reads keep answering."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from changing import all_visible, changing, reading
from cluster.target import Target
from curl import service
from offline.versions import ROOT
from operate.broker import Broker
from operate.pod import run_in
from operate.readmodel import REBUILD, ReadModel, live, reader
from operate.store import STORES
from polling import poll_until
from shell import follow, shell
from verbs import Verbs, copied

FIRST = ReadModel("iot", "statestore")
SECOND = ReadModel("iot-green", "durable-statestore")


@pytest.fixture(scope="module")
def verbs(target: Target, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Verbs]:
    there = Verbs(target, copied(tmp_path_factory.mktemp("rebuild") / "tree"))
    # What an earlier run of the suite may have left.
    assert live(target).read_model == FIRST
    there.run("rebuild", "--forget")
    yield there
    if live(target).read_model != FIRST:
        words = ("helm", "upgrade", "iot", there.tree / "charts" / "iot", "--kube-context", target.context, "--wait")
        target.run(*words, "--reset-then-reuse-values", "--set=readModel=iot,stateStore=statestore", log="rebuild")
    there.run("rebuild", "--forget")


def values(verbs: Verbs) -> ReadModel:
    text = (verbs.tree / "charts" / "iot" / "values.yaml").read_text()
    read = yaml.safe_load(text)
    return ReadModel(read["readModel"], read["stateStore"])


def ask(target: Target) -> int:
    with service(target, "iot") as iot:
        return iot.curl("?connectionId=7733").status


def kept(target: Target, app_id: str) -> int:
    return sum(len(one.keys(target, app_id)) for one in STORES.values() if one.is_there(target))


def test_it_moves_to_another_store_also_when_it_is_killed_meanwhile(target: Target, verbs: Verbs) -> None:
    # For good: no event has a higher sequence.
    wrong = '{"connectionId":"5534","connectionMandate":"0","sequence":9223372036854775807,"arrival":[0,0,0]}'
    run_in(target, "redis-0", "redis-cli", "-e", "HSET", "iot||5534", "data", wrong)
    with reading(target) as seen, changing(target, "moving") as accepted:
        with verbs.start("rebuild", "durable-statestore") as killed:
            poll_until(lambda: reader(target, REBUILD), "the rebuild has begun", seconds=120)
            killed.send_signal(signal.SIGKILL)
        assert live(target).read_model == FIRST
        refused = verbs.run("rebuild", "statestore", code=2)
        assert "a rebuild into durable-statestore is under way" in refused

        said = verbs.run("rebuild")
    assert "going on with the rebuild that is under way" in said
    assert "mended: connection 5534 was 0, and is 1 as on the topic" in said
    assert live(target).read_model == values(verbs) == SECOND
    assert reader(target, REBUILD) is None
    assert seen["failed"] == []
    assert seen["done"] > 100
    all_visible(target, accepted)


def test_the_one_before_stays_until_it_is_forgotten(target: Target, verbs: Verbs) -> None:
    assert kept(target, "iot") > 0
    refused = verbs.run("rebuild", "statestore", code=2)
    assert "the read model before this one is still there: iot, " in refused
    verbs.run("rebuild", "--forget")
    assert kept(target, "iot") == 0
    assert kept(target, "iot-green") > 0
    assert Broker(target).groups() & {"iot", "iot-green"} == {"iot-green"}
    assert "there is no read model to go back to" in verbs.run("rebuild", "--back", code=2)


@pytest.mark.usefixtures("verbs")
def test_there_the_passwords_of_the_store_are_changed_and_nothing_is_lost(target: Target, tmp_path: Path) -> None:
    """As docs/operations.md says, under load."""
    assert live(target).read_model == SECOND
    before = target.get("secret", "mariadb")
    with changing(target, "passwords") as accepted, shell(target, tmp_path) as operator:
        follow(operator, "MariaDB")
        follow(operator, "A MariaDB's root")
    all_visible(target, accepted)
    after = target.get("secret", "mariadb")
    assert before
    assert after
    assert {key for key in after["data"] if after["data"][key] == before["data"][key]} == set()


def test_it_moves_back(target: Target, verbs: Verbs) -> None:
    with reading(target) as seen, changing(target, "back") as accepted:
        verbs.run("rebuild", "statestore")
    assert live(target).read_model == values(verbs) == FIRST
    assert seen["failed"] == []
    all_visible(target, accepted)


def test_by_hand_another_store_is_empty_until_the_topic_is_read_into_it(target: Target, verbs: Verbs) -> None:
    """The lab's last chapter: the store alone is changed, then the name of the read model too."""
    verbs.run("rebuild", "--forget")
    for folder in ("stores/mariadb", "dapr/durable-statestore"):
        target.kubectl("apply", "-k", str(ROOT / "k8s" / folder))

    def deployed(**to: str) -> None:
        sets = ",".join(f"{name}={value}" for name, value in to.items())
        words = ("helm", "upgrade", "iot", verbs.tree / "charts" / "iot", "--kube-context", target.context)
        target.run(*words, "--reuse-values", f"--set={sets}", "--wait", "--timeout=3m", log="rebuild")

    deployed(stateStore="durable-statestore")
    assert ask(target) == 404
    deployed(readModel="iot-green")
    poll_until(lambda: ask(target) == 200, "the topic has been read again", seconds=30)
    deployed(stateStore="statestore", readModel="iot")
    assert ask(target) == 200
