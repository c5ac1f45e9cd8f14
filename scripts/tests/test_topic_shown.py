"""`scripts/topic`: what is printed of a record."""

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from cluster.target import Target
from operate import topic as showing
from operate.broker import Record
from operate.topic import topic

TARGET = Target("test", Path("/nowhere"))
EVENT = {"sequence": "1790000000000007", "data": {"connectionId": "7733", "connectionMandate": "1"}}
RECORDS = [
    Record(2, 5, 1_790_000_000_123, "7733", json.dumps(EVENT)),
    Record(0, 0, 1_790_000_000_456, "a\x1bb", "poison"),
]


class OneBroker:
    def ends(self, _: str) -> dict[int, int]:
        return {0: 1, 2: 6}

    def read(self, _: str, fold: Callable[[Iterable[Record]], object], _ends: object) -> object:
        return fold(RECORDS)

    def follow(self, _: str) -> Iterator[Record]:
        yield from RECORDS


@pytest.fixture(autouse=True)
def broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(showing, "Broker", lambda _target: OneBroker())


def test_each_record_is_a_line_also_one_that_cannot_be_read(capsys: pytest.CaptureFixture[str]) -> None:
    assert topic(TARGET) == 0
    head, readable, poison, end = capsys.readouterr().out.splitlines()
    assert head.split() == ["TIME", "PARTITION", "OFFSET", "KEY", "LEVEL", "SEQUENCE"]
    assert readable.split() == ["2026-09-21T14:13:20.123+00:00", "2", "5", "7733", "1", "1790000000000007"]
    assert poison.split() == ["2026-09-21T14:13:20.456+00:00", "0", "0", "a\\x1bb", "-", "-"]
    assert end.startswith("2 records. Next: scripts/audit")


def test_some_connections_alone(capsys: pytest.CaptureFixture[str]) -> None:
    topic(TARGET, ["7733"], machine=True)
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["level"] == "1"


def test_it_goes_on_with_what_comes(capsys: pytest.CaptureFixture[str]) -> None:
    topic(TARGET, follow=True, machine=True)
    assert [json.loads(line)["offset"] for line in capsys.readouterr().out.splitlines()] == [5, 0]
