"""What the operator's verbs make of what Kafka, Kubernetes, CRM and IoT say."""

import base64
import json
import os
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlparse

import pytest

from cluster.failure import Failure
from offline.versions import ROOT
from operate import event, release
from operate.audit import Difference, differences, disputed
from operate.bar import drawn
from operate.broker import Record, Stand, record_in, stands_in
from operate.customers import held_in
from operate.deadletter import letter_in, open_letters
from operate.query import answers
from operate.readmodel import ReadModel, reader_in
from operate.redrive import bulk_of, refusal_in
from operate.store import STORES, store_of
from operate.table import table


def record(value: object, *, key: str | None = "k", partition: int = 0, offset: int = 0, timestamp: int = 1) -> Record:
    text = value if isinstance(value, str) or value is None else json.dumps(value)
    return Record(partition, offset, timestamp, key, text)


def mandate(level: object, sequence: object = None, connection: object = "7") -> dict[str, Any]:
    return {"sequence": sequence, "data": {"connectionId": connection, "connectionMandate": level}}


class TestBroker:
    def test_a_group_s_table(self) -> None:
        text = (
            "\nGROUP TOPIC PARTITION CURRENT-OFFSET LOG-END-OFFSET LAG CONSUMER-ID HOST CLIENT-ID\n"
            "iot t 0 3 5 2 iot-1 /10.0.0.1 iot\niot t 1 - 4 - iot-1 /10.0.0.1 iot\niot other 2 1 1 0 - - -\n"
        )
        assert stands_in(text, "t") == {0: Stand(3, 5)}

    def test_a_record(self) -> None:
        line = 'CreateTime:17\tPartition:2\tOffset:5\t7733\t{"a":\t1}\n'
        assert record_in(line) == Record(2, 5, 17, "7733", '{"a":\t1}')
        assert record_in("CreateTime:17\tPartition:2\tOffset:5\tnull\tnull\n") == Record(2, 5, 17, None, None)

    @pytest.mark.parametrize("line", ["", "a later line", "a\tb\tc\td\te", "CreateTime:1\tPartition:x\tOffset:1\tk\tv"])
    def test_what_is_none(self, line: str) -> None:
        assert record_in(line) is None


class TestEvent:
    def test_the_higher_sequence_is_newer_wherever_it_stands(self) -> None:
        records = [record(mandate("2", "9"), offset=0), record(mandate("1", 8), offset=1)]
        assert event.newest(records) == {"7": "2"}

    def test_among_equals_arrival_decides_and_any_sequence_beats_none(self) -> None:
        without = [record(mandate("2"), timestamp=5, offset=1), record(mandate("1"), timestamp=5, offset=2)]
        assert event.newest(reversed(without)) == {"7": "1"}
        assert event.newest([record(mandate("0", "1")), *without]) == {"7": "0"}

    def test_data_may_be_text_and_a_level_an_integer(self) -> None:
        assert event.newest([record({"data": json.dumps(mandate(1)["data"])})]) == {"7": "1"}

    @pytest.mark.parametrize(
        "value",
        [None, "no json", "[]", "{}", {"data": "x"}, mandate("3"), mandate("1", "x"), mandate("1", connection=7)],
    )
    def test_what_cannot_be_read_says_nothing(self, value: object) -> None:
        assert event.newest([record(value)]) == {}


class TestReadModel:
    def test_the_other_one(self) -> None:
        there, back = ReadModel("iot", "statestore"), ReadModel("iot-green", "durable-statestore")
        assert there.beside("durable-statestore") == back
        assert back.beside("statestore") == there

    def test_a_deployment(self) -> None:
        container = {
            "name": "iot",
            "image": "host:5000/mandates/iot:1",
            "env": [{"name": "IOT_STATESTORE", "value": "s"}],
        }
        template = {"metadata": {"annotations": {"dapr.io/app-id": "iot-green"}}, "spec": {"containers": [container]}}
        deployment = {"metadata": {"name": "iot"}, "spec": {"replicas": 3, "template": template}}
        found = reader_in(deployment)
        assert (found.read_model, found.replicas) == (ReadModel("iot-green", "s"), 3)

    def test_the_next_deployment_keeps_it(self, tmp_path: Path) -> None:
        values = tmp_path / "values.yaml"
        values.write_text(release.VALUES.read_text())
        model = ReadModel("iot-green", "durable-statestore")
        assert release.keep(model, values)
        assert not release.keep(model, values)
        changed = [
            line for line in values.read_text().splitlines() if line not in release.VALUES.read_text().splitlines()
        ]
        assert changed == ["stateStore: durable-statestore", "readModel: iot-green"]

    def test_an_unknown_store(self) -> None:
        with pytest.raises(Failure, match=r"no state store x\. It can be statestore or durable-statestore"):
            store_of("x")

    def test_stores_name_what_is_there(self) -> None:
        for one in STORES.values():
            assert one.manifests.is_dir()
            assert one.binding.is_dir()


ORIGINAL = b"\xff no JSON"
DATA = {
    "topic": "t",
    "partition": 1,
    "offset": 2,
    "key": "7",
    "timestamp": 1500,
    "headers": {"h": "v"},
    "reason": "why",
    "original": base64.b64encode(ORIGINAL).decode(),
}


class TestDeadLetter:
    def test_it_is_read(self) -> None:
        letter = letter_in(record({"data": DATA}, key="t-1-2"))
        assert (letter.id, letter.time, letter.original) == ("t-1-2", "1970-01-01T00:00:01.500+00:00", ORIGINAL)
        assert letter.text == "\\xff no JSON"
        assert letter.summary()["bytes"] == len(ORIGINAL)

    def test_of_one_without_a_place_nothing_is_told(self) -> None:
        unplaced = DATA | dict.fromkeys(("topic", "partition", "offset", "key", "timestamp"))
        assert letter_in(record({"data": unplaced})).metadata() == {"h": "v"}

    def test_the_last_record_of_a_key_counts_and_an_empty_one_ends_it(self) -> None:
        first, again, other = (
            record({"data": DATA}, key="a"),
            record({"data": DATA}, key="a"),
            record({"data": DATA}, key="b"),
        )
        assert [one.id for one in open_letters([first, other, again])] == ["b", "a"]
        assert [one.id for one in open_letters([first, other, record(None, key="a")])] == ["b"]

    @pytest.mark.parametrize(
        "value", ["x", {"data": {}}, {"data": DATA | {"offset": "2"}}, {"data": DATA | {"original": "%"}}]
    )
    def test_what_is_none_hides_no_other(self, value: object) -> None:
        assert "is itself no dead letter" in letter_in(record(value)).reason


class TestRedrive:
    def test_the_original_is_delivered_as_the_sidecar_does(self) -> None:
        bulk = json.loads(bulk_of(letter_in(record({"data": DATA}, key="t-1-2"))))
        (entry,) = bulk["entries"]
        assert base64.b64decode(entry["event"]) == ORIGINAL
        place = {"__topic": "t", "__partition": "1", "__offset": "2", "__key": "7", "__timestamp": "1500"}
        assert entry["metadata"] == {"h": "v", **place}
        assert bulk["topic"] == "t"

    def test_what_the_answer_says(self) -> None:
        assert refusal_in({"statuses": [{"entryId": "1", "status": "SUCCESS"}]}) is None
        assert refusal_in({"statuses": [{"status": "SUCCESS", "reason": "no JSON"}]}) == "no JSON"
        assert refusal_in({"statuses": [{"status": "DROP"}]})

    @pytest.mark.parametrize(
        "answer", [{"statuses": [{"status": "RETRY"}]}, {"statuses": []}, {"status": "SUCCESS"}, None]
    )
    def test_what_says_nothing_of_the_message(self, answer: object) -> None:
        with pytest.raises(Failure):
            refusal_in(answer)


class TestAudit:
    HELD = held_in(
        {
            "1": {"connectionId": "a", "connectionMandate": "1"},
            "2": {"connectionId": "b", "connectionMandate": "0"},
            "3": {"connectionId": "b", "connectionMandate": "2"},
        }
    )

    def test_none_differ(self) -> None:
        assert differences(self.HELD, {"a": "1", "b": "2", "c": "0", "d": None}, {"b": "2"}) == []

    def test_what_differs(self) -> None:
        found = differences(self.HELD, {"a": None, "b": "0", "c": "1"}, {"b": "2"})
        assert found == [
            Difference("a", "1", None, ["1"]),
            Difference("b", "2", "0", ["2", "3"]),
            Difference("c", "0", "1", []),
        ]

    def test_holders_who_disagree_are_judged_by_the_topic_once_it_says_what_one_of_them_does(self) -> None:
        assert disputed(self.HELD) == {"b"}
        assert differences(self.HELD, {"b": "1"}, {"b": "1"}) == [Difference("b", "1", "1", ["2", "3"])]


class _Iot(socketserver.StreamRequestHandler):
    """Answers as uvicorn does, one request of a connection after the other: 404, or the id's first character."""

    def handle(self) -> None:
        while line := self.rfile.readline():
            while self.rfile.readline().strip():
                pass
            (connection,) = parse_qs(urlparse(line.split()[1].decode()).query)["connectionId"]
            level, status = connection[:1], 503 if connection == "away" else 404 if connection[:1] == "n" else 200
            body = json.dumps({"connectionId": connection, "connectionMandate": level}).encode()
            self.wfile.write(b"HTTP/1.1 %d x\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body))


@contextmanager
def iot() -> Iterator[int]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Iot) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


class TestQuery:
    def test_each_gets_its_own_answer(self) -> None:
        ids = [f"{number % 3}&=/ ü{number}" for number in range(1000)] + ["none"]
        with iot() as port:
            found = answers(port, ids)
        assert found == {one: one[0] for one in ids[:-1]} | {"none": None}

    def test_a_failure_is_no_answer(self) -> None:
        with iot() as port, pytest.raises(Failure, match="IoT answers 503 for connection away"):
            answers(port, ["1", "away"])


def test_the_bar() -> None:
    assert drawn(50, 100, 10, "events") == "    ████████████············  50 of 100 events  10/s  5 s left"
    assert drawn(0, 0, 0, "events") == "    ████████████████████████  0 of 0 events"


def test_a_table() -> None:
    assert table(("A", "BB"), [(111, 2)]) == "A    BB\n111  2"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["rebuild", "--back", "--forget"], "not allowed with"),
        (["redrive"], "required: action"),
        (["redrive", "send"], "name dead letters, or say --all"),
        (["redrive", "send", "x", "--all"], "name dead letters, or say --all"),
        (["audit", "x"], "unrecognized arguments"),
        (["audit"], "cluster nosuch does not answer. Run make up, or name another one: CLUSTER=name"),
    ],
)
def test_what_cannot_be_done(words: list[str], said: str, tmp_path: Path) -> None:
    env = {"PYTHONPATH": f"{ROOT}:{ROOT / 'scripts'}", "CLUSTER": "nosuch", "KUBECONFIG": str(tmp_path / "none")}
    done = subprocess.run(
        [sys.executable, "-P", "-m", "operate", *words],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
