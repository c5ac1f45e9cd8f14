"""Kafka's own tools, on a real broker, through what stands in for `kubectl exec` into the pod `kafka-tools`."""

import json
import os
import shlex
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer, TopicPartition

from cluster.failure import Failure
from cluster.target import Target
from operate import event, pod
from operate.broker import DEAD_LETTERS, TOPIC, Broker, Record
from operate.deadletter import open_letters
from parts.found import missing
from parts.kafka import Kafka
from parts.process import until

from .programs import Programs

TOOLS = {
    "kafka-get-offsets.sh": "org.apache.kafka.tools.GetOffsetShell",
    "kafka-console-consumer.sh": "org.apache.kafka.tools.consumer.ConsoleConsumer",
    "kafka-console-producer.sh": "org.apache.kafka.tools.ConsoleProducer",
    "kafka-consumer-groups.sh": "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
}
RUN = 'exec java -Xmx96m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp "{jars}/*" {main} "$@"'
EXEC = """case "$*" in
*" get pods "*) exec cat pods.json ;;
*" exec "*)
  while [ "$1" != -- ]; do shift; done; shift
  [ -e broken ] && { rm broken; echo "error: the link broke" >&2; exit 1; }
  exec "$@" ;;
esac
"""
POD = {
    "metadata": {"name": "mandates-dual-role-0"},
    "status": {"conditions": [{"type": "Ready", "status": "True"}]},
}


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    if lacking := missing():
        pytest.skip(f"missing: {', '.join(lacking)}")
    with Kafka(tmp_path_factory.mktemp("kafka")) as one:
        until(one.ready, "the broker answers", seconds=60)
        for topic in (TOPIC, DEAD_LETTERS):
            one.create_topic(topic)
        yield one


@pytest.fixture
def target(kafka: Kafka, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Target:
    java = shutil.which("java")
    assert java
    there = Programs(tmp_path / "bin")
    bin_ = there.folder
    for name, main in TOOLS.items():
        run = RUN.format(jars=os.environ["KAFKA_JARS"], main=main)
        # As the pod does it: which broker is not for the verbs to say.
        (bin_ / name).write_text(f'#!/bin/sh\nset -- --bootstrap-server {kafka.address} "$@"\n{run}\n')
        (bin_ / name).chmod(0o755)
    (there.folder / "pods.json").write_text(json.dumps({"items": [POD]}))
    path = f"{shlex.quote(str(there.folder))}:{shlex.quote(str(Path(java).parent))}:$PATH"
    there.add("kubectl", f"PATH={path}\n{EXEC}")
    monkeypatch.setenv("PATH", str(there.folder))
    monkeypatch.setattr(pod, "PAUSE", 0.01)
    return Target("test", tmp_path / "none", namespace="there")


def produce(
    kafka: Kafka, *records: tuple[str | bytes | None, bytes | None], topic: str = TOPIC, partition: int = 0
) -> None:
    producer = Producer({"bootstrap.servers": kafka.address})
    for key, value in records:
        producer.produce(topic, key=key, value=value, partition=partition)
    assert producer.flush(30) == 0


def test_what_is_on_a_topic_is_read_whatever_it_is(kafka: Kafka, target: Target) -> None:
    broker = Broker(target)
    ends, letters = broker.all_ends()
    assert sum(letters.values()) == 0
    forged = b'x\nCreateTime:1\tPartition:0\tOffset:0\tk\t{"data": {"connectionId": "k", "connectionMandate": "2"}}\n'
    good = b'{"sequence": "5", "data": {"connectionId": "7733", "connectionMandate": "1"}}'
    written = [("a\tb\n", forged), ("k", b"\xff\r\n\n"), ("k", b"null"), ("k", None), ("7733", good)]
    produce(kafka, *written)

    def since(records: Iterable[Record]) -> list[tuple[str | None, bytes | None]]:
        found = (one for one in records if one.offset >= ends[one.partition])
        return [(one.key, None if one.value is None else one.value.encode(errors="surrogateescape")) for one in found]

    assert broker.read(TOPIC, since) == written
    assert broker.read(TOPIC, event.newest) == {"7733": "1"}


def test_a_link_that_breaks_is_no_answer_and_asked_again(target: Target) -> None:
    broker = Broker(target)
    (Path(os.environ["PATH"]) / "broken").touch()
    assert len(broker.ends(TOPIC)) == 4
    (Path(os.environ["PATH"]) / "broken").touch()
    broker.write(DEAD_LETTERS, [("a", "text"), ("b", None)])
    (Path(os.environ["PATH"]) / "broken").touch()
    assert [one.id for one in broker.read(DEAD_LETTERS, open_letters)] == ["a"]
    assert not broker.is_empty(DEAD_LETTERS, broker.ends(DEAD_LETTERS))


def test_partitions_whose_records_were_deleted_are_waited_for_once(
    kafka: Kafka, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("operate.broker._IDLE_MS", 5000)
    kafka.create_topic("emptied")
    produce(kafka, ("k", b"lost"), topic="emptied")
    produce(kafka, ("k", b"kept"), topic="emptied", partition=1)
    kafka.configure_topic("emptied", {"cleanup.policy": "compact,delete"})
    client = kafka.client()
    for deleted in client.delete_records([TopicPartition("emptied", 0, 1)]).values():
        deleted.result(30)
    broker = Broker(target)
    assert broker.read("emptied", values) == ["kept"]
    assert broker.read("emptied", values) == ["kept"]
    calls = Path(os.environ["PATH"], "calls").read_text()
    assert calls.count("earliest") == 1


def test_a_topic_is_followed_as_records_come(target: Target, kafka: Kafka) -> None:
    kafka.create_topic("followed")
    produce(kafka, ("k", b"before"), topic="followed", partition=1)
    records = Broker(target).follow("followed")
    assert next(records).value == "before"
    produce(kafka, ("k", b"after"), topic="followed", partition=1)
    assert next(records).value == "after"
    records.close()


def values(records: Iterable[Record]) -> list[str | None]:
    return [one.value for one in records]


def test_what_is_not_there_is_said(target: Target) -> None:
    with pytest.raises(Failure, match="there is no topic nosuch"):
        Broker(target).ends("nosuch")


def test_a_broker_is_one_also_where_strimzi_runs_its_other_operators_in_pods(target: Target) -> None:
    Broker(target)
    (call,) = (Path(os.environ["PATH"]) / "calls").read_text().splitlines()
    assert "strimzi.io/broker-role=true" in call
    assert "strimzi.io/kind" not in call
