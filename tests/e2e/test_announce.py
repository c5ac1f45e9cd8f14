"""What was lost, forgotten or told with a wrong clock is noticed, never copied, and told again."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection

import pytest

from cluster.services import forwarded
from cluster.target import Target
from curl import service
from deploying import deploy
from kafkatools import ask, publish, settings_of
from offline.versions import ROOT
from operate.broker import TOPIC, Broker
from polling import poll_until
from verbs import Verbs, copied

CUSTOMERS = 200
CORINNE = {"firstName": "Corinne", "lastName": "Lopez", "city": "Enschede", "connectionId": "7733"}


@pytest.fixture(scope="module")
def verbs(target: Target, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Verbs]:
    there = Verbs(target, copied(tmp_path_factory.mktemp("announce") / "tree"))
    yield there
    there.run("announce")
    there.run("rebuild", "--forget")


@pytest.fixture(scope="module")
def in_a_file(target: Target) -> Iterator[None]:
    """CRM remembers."""
    deploy(target, "database=file")
    yield
    deploy(target, "database=memory")
    target.kubectl("delete", "pvc", "crm-data", "--ignore-not-found")


def many(target: Target, prefix: str) -> None:
    """New customers, each on a connection of their own, that IoT knows."""
    with forwarded(target, "service/crm", 3005) as port:
        link = HTTPConnection("127.0.0.1", port, timeout=20)
        for number in range(CUSTOMERS):
            body = {"connectionId": f"{prefix}-{number}", "connectionMandate": "012"[number % 3]}
            link.request("POST", "/customers", json.dumps(body), {"Content-Type": "application/json"})
            with link.getresponse() as reply:
                assert reply.status == 201, reply.read()
                reply.read()
        link.close()
    last = f"{prefix}-{CUSTOMERS - 1}"
    with service(target, "iot") as iot:
        poll_until(lambda: iot.curl(f"?connectionId={last}").status == 200, f"IoT knows {last}", seconds=120)


def lose_the_topic(target: Target) -> None:
    target.kubectl("delete", "kafkatopic", TOPIC, "--timeout=60s")
    target.kubectl("apply", "-k", str(ROOT / "k8s" / "strimzi"))
    target.kubectl("wait", "--for=condition=Ready", f"kafkatopic/{TOPIC}", "--timeout=60s")


def lose_some_partitions(target: Target) -> None:
    """Kafka deletes records by hand only where the topic's policy lets records go by their age."""
    broker = Broker(target)
    ends = broker.ends(TOPIC)
    lost = [{"topic": TOPIC, "partition": one, "offset": ends[one]} for one in (0, 2)]
    policy(target, "compact,delete")
    file = "/tmp/lost.json"  # noqa: S108  in the pod of the tools
    ask(target, f"cat > {file}", json.dumps({"partitions": lost, "version": 1}))
    with deleter(target) as settings:
        delete = f"kafka-delete-records.sh --command-config {settings} --offset-json-file {file}"
        # Again until each broker knows of the policy and of the user: what is deleted stays so.
        poll_until(lambda: "low_watermark" in ask(target, delete), "the records are deleted", seconds=60)
    policy(target, "compact")
    assert {one: broker.begins(TOPIC)[one] for one in (0, 2)} == {one: ends[one] for one in (0, 2)}


@contextmanager
def deleter(target: Target) -> Iterator[str]:
    """A user who may delete records, which nobody else may; the file with its settings, for the length of a block."""
    topic = {
        "resource": {"type": "topic", "name": TOPIC, "patternType": "literal"},
        "operations": ["Delete", "Describe"],
    }
    user = {
        "apiVersion": "kafka.strimzi.io/v1",
        "kind": "KafkaUser",
        "metadata": {"name": "deleter", "labels": {"strimzi.io/cluster": "mandates"}},
        "spec": {
            "authentication": {"type": "scram-sha-512"},
            "authorization": {"type": "simple", "acls": [topic]},
        },
    }
    target.kubectl("apply", "-f", "-", stdin=json.dumps(user))
    try:
        target.kubectl("wait", "--for=condition=Ready", "kafkauser/deleter", "--timeout=60s")
        yield settings_of(target, "deleter")
    finally:
        target.kubectl("delete", "kafkauser", "deleter")


def policy(target: Target, word: str) -> None:
    """Set the topic's cleanup policy, and wait until the operator has it in Kafka."""
    patch = json.dumps({"spec": {"config": {"cleanup.policy": word}}})
    target.kubectl("patch", "kafkatopic", TOPIC, "--type=merge", "--patch", patch)
    topic = target.get("kafkatopic", TOPIC)
    assert topic
    observed = f"--for=jsonpath={{.status.observedGeneration}}={topic['metadata']['generation']}"
    target.kubectl("wait", observed, f"kafkatopic/{TOPIC}", "--timeout=60s")


def told(verbs: Verbs) -> None:
    """Announced, and then all three agree."""
    assert "None differ" in verbs.run("announce")
    assert verbs.json("audit")["differences"] == []


@pytest.mark.last
def test_what_crm_has_forgotten_is_revoked(target: Target, verbs: Verbs) -> None:
    many(target, "forgotten")
    target.kubectl("rollout", "restart", "deployment/crm")
    target.kubectl("rollout", "status", "deployment/crm", "--timeout=120s")
    differences = verbs.json("audit", code=1)["differences"]
    assert len([one for one in differences if one["connectionId"].startswith("forgotten-")]) == CUSTOMERS * 2 // 3
    told(verbs)
    with service(target, "iot") as iot:
        assert iot.curl("?connectionId=forgotten-2").json["connectionMandate"] == "0"


@pytest.mark.last
def test_a_clock_that_was_set_back_is_noticed(target: Target, verbs: Verbs) -> None:
    """To the topic it is the same whether the clock is a minute behind now or was ahead before."""
    sequence = int((time.time() + 60) * 1e6)
    data = {"connectionId": "7733", "connectionMandate": "2"}
    event = {"specversion": "1.0", "id": "ahead", "source": "crm", "type": "com.mandates.connection-mandate.v1"}
    publish(target, TOPIC, [("7733", json.dumps({**event, "sequence": str(sequence), "data": data}))])
    with service(target, "iot") as iot:
        poll_until(lambda: iot.curl("?connectionId=7733").json["connectionMandate"] == "2", "it came", seconds=20)
        with service(target, "crm") as crm:
            for level in "01":
                change = {**CORINNE, "connectionMandate": level}
                assert crm.post("/customers/7", change).status == 200
        said = verbs.run("audit", code=1)
        assert "scripts/announce" in said
        assert "clock" in said
        told(verbs)
        assert iot.curl("?connectionId=7733").json["connectionMandate"] == "1"


@pytest.mark.last
@pytest.mark.usefixtures("in_a_file")
@pytest.mark.parametrize("lose", [lose_the_topic, lose_some_partitions])
def test_a_loss_on_the_topic_is_named_and_not_copied_and_mended(
    target: Target, verbs: Verbs, request: pytest.FixtureRequest, lose: Callable[[Target], None]
) -> None:
    many(target, request.node.callspec.id.replace("_", "-"))
    told(verbs)
    lose(target)
    said = verbs.run("audit", code=1)
    assert "on the topic" in said
    assert "scripts/announce" in said
    refused = verbs.run("rebuild", code=2)
    assert "scripts/announce" in refused
    with service(target, "iot") as iot:
        assert iot.curl("?connectionId=7733").status == 200
    told(verbs)


@pytest.mark.last
def test_once_all_is_told_again_the_topic_alone_rebuilds_the_read_model(verbs: Verbs) -> None:
    verbs.run("rebuild")
    assert verbs.json("audit")["differences"] == []
    verbs.run("rebuild", "--back")
    verbs.run("rebuild", "--forget")
