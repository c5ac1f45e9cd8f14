"""What IoT cannot read is listed with its reason, and given to it once more."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from cluster.target import Target
from curl import service
from kafkatools import publish
from operate.broker import DEAD_LETTERS, TOPIC, Broker
from polling import poll_until
from verbs import Verbs, copied

POISON = "no JSON at all"


@pytest.fixture(scope="module")
def verbs(target: Target, tmp_path_factory: pytest.TempPathFactory) -> Verbs:
    return Verbs(target, copied(tmp_path_factory.mktemp("redrive") / "tree"))


@pytest.fixture
def poison(target: Target, verbs: Verbs) -> Iterator[dict[str, Any]]:
    """The dead letter of a message that cannot be read, as it is listed."""
    before = {one["id"] for one in verbs.json("redrive", "list")}
    publish(target, TOPIC, [("poisoned", POISON), ("poisoned", event("poisoned", "1"))])
    (letter,) = poll_until(
        lambda: [one for one in verbs.json("redrive", "list") if one["id"] not in before],
        "the message is a dead letter",
        seconds=30,
    )
    yield letter
    verbs.run("redrive", "discard", letter["id"])


def event(connection: str, level: str) -> str:
    data = {"connectionId": connection, "connectionMandate": level}
    return json.dumps({"specversion": "1.0", "id": "1", "source": "test", "type": "test", "data": data})


def test_a_poisoned_message_is_put_aside_and_the_partition_goes_on(
    target: Target, verbs: Verbs, poison: dict[str, Any]
) -> None:
    with service(target, "iot") as iot:
        poll_until(lambda: iot.curl("?connectionId=poisoned").status == 200, "what follows it is read", seconds=10)
    assert poison["id"] == f"{TOPIC}-{poison['partition']}-{poison['offset']}"
    assert poison["reason"]
    assert poison["reason"] in verbs.run("redrive", "list")
    assert POISON in verbs.run("redrive", "show", poison["id"])

    (result,) = verbs.json("redrive", "send", poison["id"], code=1)
    assert (result["id"], result["taken"]) == (poison["id"], False)
    assert result["reason"] == poison["reason"]
    assert poison["id"] in {one["id"] for one in verbs.json("redrive", "list")}


def test_what_can_be_read_by_now_is_applied_and_marked(target: Target, verbs: Verbs) -> None:
    # As IoT puts it aside, and as a newer IoT could read it.
    name = f"{TOPIC}-0-0"
    original = event("redriven", "2").encode()
    data = {
        **{"topic": TOPIC, "partition": 0, "offset": 0, "key": "redriven", "timestamp": 1767225600000},
        **{"headers": {}, "reason": "by hand", "original": base64.b64encode(original).decode()},
    }
    letter = {"specversion": "1.0", "id": name, "source": "iot", "type": "com.mandates.dead-letter.v1", "data": data}
    Broker(target).write(DEAD_LETTERS, [(name, json.dumps(letter))])
    assert original.decode() in verbs.run("redrive", "show", name)

    assert f"{name}  taken" in verbs.run("redrive", "send", name)
    with service(target, "iot") as iot:
        assert iot.curl("?connectionId=redriven").json["connectionMandate"] == "2"
    assert name not in {one["id"] for one in verbs.json("redrive", "list")}
    assert f"there is no open dead letter {name}" in verbs.run("redrive", "send", name, code=2)
