"""What Kafka's tools print, and what the topic says of each connection."""

import json
from typing import Any

import pytest

from operate import event
from operate.broker import Record, Stand, record_in, stands_in


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


def test_a_reader_may_be_anywhere_after_what_it_has_passed() -> None:
    records = [record(mandate("0", 1), offset=0), record(mandate("1", 2), offset=1), record(mandate("2", 3), offset=2)]
    assert event.possible(records, {0: 3}) == {"7": {"2"}}
    assert event.possible(records, {0: 2}) == {"7": {"1", "2"}}
    assert event.possible([*records, record("poison", offset=3)], {0: 0}) == {"7": {"0", "1", "2"}}
