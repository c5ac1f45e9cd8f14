import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iot.consumer.dead_letters import dead_letter
from iot.consumer.message import Message

NOW = datetime(2026, 11, 24, 12, 0, 0, 17_000, UTC)
PLACE = {"__topic": "mandates", "__partition": "2", "__offset": "41", "__key": "7733", "__timestamp": "1795527368335"}
HELLO = base64.b64encode(b"hello \xff").decode()


def test_a_dead_letter_says_what_where_when_and_why() -> None:
    letter = dead_letter(Message(HELLO, {**PLACE, "tenant": "north"}), "not JSON")
    assert json.loads(letter.cloudevent(NOW)) == {
        "specversion": "1.0",
        "id": "mandates-2-41",
        "source": "iot",
        "type": "com.mandates.dead-letter.v1",
        "subject": "mandates-2-41",
        "time": "2026-11-24T12:00:00.017Z",
        "datacontenttype": "application/json",
        "data": {
            "topic": "mandates",
            "partition": 2,
            "offset": 41,
            "key": "7733",
            "timestamp": 1795527368335,
            "time": "2026-11-24T13:36:08.335Z",
            "headers": {"tenant": "north"},
            "reason": "not JSON",
            "original": HELLO,
        },
    }


def test_it_is_one_line() -> None:
    line = dead_letter(Message("a\nb", {}), "two\nlines").cloudevent(NOW)
    assert b"\n" not in line
    assert json.loads(line)["data"]["reason"] == "two\nlines"


def test_what_was_not_told_is_null_and_the_same_original_is_the_same_letter() -> None:
    letter = dead_letter(Message(HELLO, {"__offset": "7"}), "no")
    again = dead_letter(Message(HELLO, {"__offset": "8"}), "no")
    assert letter.id == again.id
    assert letter.id != dead_letter(Message("other", {}), "no").id
    data = json.loads(letter.cloudevent(NOW))["data"]
    assert [data[name] for name in ("topic", "partition", "key", "timestamp", "time")] == [None] * 5
    assert data["offset"] == 7


@pytest.mark.parametrize("timestamp", ["-1", "x", "9" * 40, 5, None])
def test_a_time_that_is_none_is_null(timestamp: object) -> None:
    letter = dead_letter(Message(HELLO, {**PLACE, "__timestamp": timestamp}), "no")  # type: ignore[dict-item]
    assert json.loads(letter.cloudevent(NOW))["data"]["time"] is None


@given(st.binary(), st.datetimes(timezones=st.just(UTC), min_value=datetime(1970, 1, 1)))
def test_the_original_comes_back_to_the_byte_and_the_time_to_the_millisecond(original: bytes, time: datetime) -> None:
    milliseconds = (time - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    told = {**PLACE, "__timestamp": str(milliseconds)}
    event = dead_letter(Message(base64.b64encode(original).decode(), told), "no").cloudevent(NOW)
    data = json.loads(event)["data"]
    assert base64.b64decode(data["original"]) == original
    assert data["timestamp"] == milliseconds
    assert datetime.fromisoformat(data["time"]) - time <= timedelta(0)
    assert time - datetime.fromisoformat(data["time"]) < timedelta(milliseconds=1)
