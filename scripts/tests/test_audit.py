"""What differs between CRM and IoT, and asking IoT for very many."""

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs, urlparse

import pytest

from cluster.failure import Failure
from operate.audit import Difference, Partition, Report, differences, disputed, text_of
from operate.customers import held_in
from operate.query import answers
from operate.table import table


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


def test_a_table() -> None:
    assert table(("A", "BB"), [(111, 2)]) == "A    BB\n111  2"


def test_a_report_in_words() -> None:
    found = [Difference("7733", "1", "2", ["7"]), Difference("928", "0", "1", []), Difference("4512", "0", None, ["5"])]
    text = text_of(Report(12, 13, "iot", "statestore", found, 1, [Partition(0, 3, 5, 2)], 1, 0.5))
    assert "connection 7733: CRM says 1 (customer 7), IoT says 2" in text
    assert "connection 928: CRM says 0 (nobody holds it), IoT says 1" in text
    assert "connection 4512: CRM says 0 (customer 5), IoT does not know it" in text
    assert "3 differ.\n1 kept changing, and were not compared." in text
    assert "0          3         5    2" in text
    assert text.endswith("Dead letters: 1  (scripts/redrive list)")
