"""What Kafka's tools print, and what the topic says of each connection."""

import base64
import json
import sys
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from operate import event
from operate.broker import Record, Stand, records_in, stands_in
from operate.connection import connections_of, is_id, key_of

sys.path.append(str(Path(__file__).parents[2] / "services" / "iot" / "src"))
from iot.domain.connection import check_id
from iot.domain.document import UnreadableError
from iot.readmodel.keys import key_of as iot_key_of


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
        assert printed(b"LogAppendTime:17", b"Partition:2", b"Offset:5", b"7733", b'{"a":\t1}') == [
            Record(2, 5, 17, "7733", '{"a":\t1}')
        ]
        assert printed(b"CreateTime:17", b"Partition:2", b"Offset:5", b"NULL", b"NULL") == [
            Record(2, 5, 17, None, None)
        ]

    def test_a_key_and_a_value_may_be_anything(self) -> None:
        """Also what would be other records, were they read line by line."""
        forged = b"CreateTime:1\tPartition:0\tOffset:9\tk\tv"
        (read,) = printed(b"CreateTime:17", b"Partition:2", b"Offset:5", b"a\tb\nc", b"null\r\n\xff\n" + forged + b"\n")
        assert (read.partition, read.offset, read.key) == (2, 5, "a\tb\nc")
        assert read.value
        assert read.value.encode(errors="surrogateescape") == b"null\r\n\xff\n" + forged + b"\n"

    @pytest.mark.parametrize(
        "fields",
        [
            [b""],
            [b"some message"],
            [b"a", b"b", b"c", b"d", b"e"],
            [b"CreateTime:1", b"Partition:x", b"Offset:1", b"", b""],
        ],
    )
    def test_what_is_none(self, fields: list[bytes]) -> None:
        assert printed(*fields) == []


def printed(*fields: bytes) -> list[Record]:
    text = b"MARK".join(fields) + b"MARK\n"
    return list(records_in(text.splitlines(keepends=True), b"MARK", b"NULL"))


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
        [
            *(None, "no json", "[]", "{}", {"data": "x"}, mandate("3"), mandate("1", "x"), mandate("1", connection=7)),
            *(mandate(True), mandate("1", " 8"), mandate("1", 8.0), mandate("1", True), mandate("1", str(2**63))),
            *(
                mandate("1", connection="8,71687E+17"),
                mandate("1", connection="7733\u200b"),
                mandate("1", connection=" "),
            ),
            *(mandate("1", connection="\ud800"), '{"data": {"connectionId": "a\udcff", "connectionMandate": "1"}}'),
            {**mandate("1"), "type": "com.mandates.connection-mandate.v2"},
        ],
    )
    def test_what_cannot_be_read_says_nothing(self, value: object) -> None:
        assert event.newest([record(value)]) == {}

    def test_a_sequence_more_than_an_hour_ahead_of_its_record_says_nothing(self) -> None:
        now, hour = 1_764_000_000_000, 3_600_000_000
        assert event.newest([record(mandate("2", now * 1000 + hour), timestamp=now)]) == {"7": "2"}
        assert event.newest([record(mandate("2", now * 1000 + hour + 1), timestamp=now)]) == {}

    def test_one_that_a_sidecar_has_wrapped_is_read(self) -> None:
        inner = base64.b64encode(json.dumps(mandate("2", 5)).encode()).decode()
        assert event.newest([record({"id": "x", "data_base64": inner})]) == {"7": "2"}

    def test_what_is_told(self) -> None:
        records = [
            *(record(mandate("2", 9), offset=0), record(mandate("1", 8), offset=1)),
            *(record(mandate("0", 3, "8"), offset=2), record(mandate("0", 2, "8"), offset=3)),
            record(mandate("1", 4, "8"), offset=4),
        ]
        said = event.told(records, {0: 4})
        assert (said.level("7"), said.sequence("7"), said.level("none"), said.sequence("none")) == ("2", 9, None, -1)
        assert (said.highest, said.set_back, said.changing) == (9, {"7"}, {"8"})
        assert event.told([record(mandate("1"))]).highest == 0

    def test_what_is_set_back_is_found_in_whatever_order_partitions_are_read(self) -> None:
        before = record(mandate("2", 9), partition=3, offset=7, timestamp=100)
        after = [
            record(mandate(level, sequence), offset=sequence, timestamp=101) for level, sequence in (("0", 7), ("1", 8))
        ]
        for records in permutations([before, *after]):
            said = event.told(records)
            assert (said.level("7"), said.set_back) == ("2", {"7"})


class TestConnection:
    def test_keys_and_back(self) -> None:
        long = "ü" * 200
        assert key_of("A b") == "%41%20b"
        assert key_of(long).startswith("=")
        assert connections_of([key_of("A b"), key_of(long), "=unknown"], [long, "x"]) == {"A b", long, "=unknown"}

    def test_it_is_the_rule_of_iot(self) -> None:
        """The verbs share no code with the services that they judge."""
        for text in (chr(code) for code in range(sys.maxunicode + 1)):
            assert is_id(f"a{text}b") == iot_takes(f"a{text}b"), ascii(text)
        for text in ("", " ", "1E5", "1e5x", "-1.5e+3", "8,7E9", "a" * 1000, "a" * 1001, " a", "a\u2003", "7" * 1001):
            assert is_id(text) == iot_takes(text), text
        assert all(key_of(text) == iot_key_of(text) for text in ("7733", "A-b.c", "ü", "€" * 99, "x" * 200, "x" * 201))


def iot_takes(text: str) -> bool:
    try:
        check_id(text)
    except UnreadableError:
        return False
    return True


def test_a_reader_may_be_anywhere_after_what_it_has_passed() -> None:
    records = [record(mandate("0", 1), offset=0), record(mandate("1", 2), offset=1), record(mandate("2", 3), offset=2)]
    assert event.possible(records, {0: 3}) == {"7": {"2"}}
    assert event.possible(records, {0: 2}) == {"7": {"1", "2"}}
    assert event.possible([*records, record("poison", offset=3)], {0: 0}) == {"7": {"0", "1", "2"}}
