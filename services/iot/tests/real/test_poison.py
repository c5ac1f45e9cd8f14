"""What cannot be read becomes a dead letter with its reason, and what can be around it is applied."""

import base64
import gzip
import json
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from events import PARENT, SIDECAR, envelope, record

from parts.iot import Platform
from parts.process import until

GOOD = envelope("7733", "1", "5")
DATA = {"connectionId": "7733", "connectionMandate": "1"}
POISON: Mapping[bytes, tuple[bytes, str]] = {
    b"empty": (b"", "the event is empty"),
    b"text": (b"hello", "not JSON"),
    b"binary": (bytes(range(256)), "not JSON"),
    b"gzip": (gzip.compress(json.dumps(GOOD).encode()), "not JSON"),
    b"half": (json.dumps(GOOD).encode()[:90], "not JSON"),
    b"two": (json.dumps(GOOD).encode() * 2, "not JSON"),
    b"deep": (b"[" * 50_000, "not JSON"),
    b"nan": (b'{"data": NaN}', "not JSON"),
    b"latin": ('{"data": "é"}'.encode("latin-1"), "not JSON"),
    b"null": (b"null", "not a JSON object but NoneType"),
    b"number": (b"7733", "not a JSON object but int"),
    b"array": (json.dumps([GOOD]).encode(), "not a JSON object but list"),
    b"version": (json.dumps({**GOOD, "type": "com.mandates.connection-mandate.v2"}).encode(), "not a version"),
    b"no-data": (b"{}", "data is missing"),
    b"data-type": (json.dumps({**GOOD, "data": 7}).encode(), "data is neither an object nor text"),
    b"data-text": (json.dumps({**GOOD, "data": "x"}).encode(), "data is text: not JSON"),
    b"no-id": (json.dumps({**GOOD, "data": {"connectionMandate": "1"}}).encode(), "connectionId is not a string"),
    b"id-number": (json.dumps({**GOOD, "data": {**DATA, "connectionId": 7733}}).encode(), "connectionId is not"),
    b"id-empty": (json.dumps({**GOOD, "data": {**DATA, "connectionId": ""}}).encode(), "the connection id is empty"),
    b"id-long": (json.dumps({**GOOD, "data": {**DATA, "connectionId": "x" * 1001}}).encode(), "id is too long"),
    b"no-level": (json.dumps({**GOOD, "data": {"connectionId": "7733"}}).encode(), "connectionMandate is not one of"),
    b"level": (json.dumps({**GOOD, "data": {**DATA, "connectionMandate": "3"}}).encode(), "connectionMandate is not"),
    b"sequence": (json.dumps({**GOOD, "sequence": "soon"}).encode(), "sequence is not a decimal integer"),
    b"trace": (json.dumps({"traceparent": 7, "data": "x"}).encode(), "data is text"),
    b"id-invisible": (json.dumps({**GOOD, "data": {**DATA, "connectionId": "7733\u200b"}}).encode(), "U+200B"),
    b"id-shortened": (json.dumps({**GOOD, "data": {**DATA, "connectionId": "8,71687E+17"}}).encode(), "spreadsheet"),
    b"ahead": (json.dumps({**GOOD, "sequence": "9000000000000000000"}).encode(), "ahead of the record's own time"),
    b"large": (b" " * 1_000_000, "too large: 1000000 bytes, at most 65536"),
    b"\xff\xfe": (b"a key that is no text", "not JSON"),
}


def test_each_kind_of_poison_lands_with_its_reason_between_the_good_ones(platform: Platform) -> None:
    platform.create_dead_letter_topic()
    # The topic takes none that is larger than what can be read; another may.
    platform.broker.configure_topic(platform.topic, {"max.message.bytes": "1048588"})
    replica = platform.add("a")
    for number, (key, (value, _)) in enumerate(POISON.items()):
        batch = [record(f"before-{number}", "1", "5"), (key, value), record(f"after-{number}", 2, 5)]
        platform.put(batch, 1, tenant="north")
    until(lambda: len(platform.dead_letters()) == len(POISON), "all poison is on the dead-letter topic", 60)
    until(lambda: replica.iot.level(f"after-{len(POISON) - 1}") == "2", "the last good one is applied")
    letters = platform.dead_letters()
    for number, (key, (value, reason)) in enumerate(POISON.items()):
        offset = 3 * number + 1
        event = letters[f"{platform.topic}-1-{offset}"]
        data: dict[str, Any] = event["data"]
        assert event["type"] == "com.mandates.dead-letter.v1"
        assert reason in data["reason"], key
        assert base64.b64decode(data["original"]) == value
        assert (data["topic"], data["partition"], data["offset"]) == (platform.topic, 1, offset)
        assert data["key"] == key.decode(errors="replace") or key == b"\xff\xfe"
        assert data["headers"] == {"tenant": "north"}
        assert replica.iot.level(f"before-{number}") == "1"
        assert replica.iot.level(f"after-{number}") == "2"
    assert replica.iot.metric('iot_messages_total{fate="dead-lettered"}') >= len(POISON)


def redriven(platform: Platform, url: str, letter: Mapping[str, Any], original: bytes) -> dict[str, str]:
    """What scripts/redrive does with one dead letter."""
    data = letter["data"]
    metadata = {f"__{name}": str(data[name]) for name in ("topic", "partition", "offset", "key", "timestamp")}
    entry = {"entryId": "1", "event": base64.b64encode(original).decode(), "metadata": metadata}
    answer = httpx.post(
        f"{url}/mandates", json={"topic": platform.topic, "entries": [entry]}, headers=SIDECAR, timeout=30
    )
    (status,) = answer.json()["statuses"]
    assert isinstance(status, dict)
    return status


def test_a_dead_letter_sent_again_is_taken_or_lands_in_its_own_place(platform: Platform) -> None:
    platform.create_dead_letter_topic()
    replica = platform.add("a")
    platform.put([(b"7733", b"{}")])
    (key, letter) = next(iter(until(platform.dead_letters, "the dead letter is there").items()))
    before = replica.iot.metric('iot_messages_total{fate="dead-lettered"}')
    again = redriven(platform, replica.iot.url, letter, b"{}")
    assert again == {"entryId": "1", "status": "SUCCESS", "reason": "data is missing"}
    assert replica.iot.metric('iot_messages_total{fate="dead-lettered"}') == before + 1
    with pytest.raises(AssertionError, match="2 dead letters of 1 messages"):
        platform.dead_letters()
    taken = redriven(platform, replica.iot.url, letter, record("7733", "2", "5")[1])
    assert taken == {"entryId": "1", "status": "SUCCESS"}
    assert replica.iot.level("7733") == "2"
    assert key == letter["id"]


def test_without_the_dead_letter_topic_nothing_is_lost_and_the_good_ones_are_applied(platform: Platform) -> None:
    replica = platform.add("a")
    platform.put([record("a", "1", "5"), (b"x", b"{}"), record("b", "2", "6")], 0)
    until(lambda: replica.iot.level("b") == "2", "the good ones are applied")
    assert replica.iot.level("a") == "1"
    until(lambda: replica.iot.metric('iot_messages_total{fate="retried"}') >= 2, "the poison came again", 60)
    platform.create_dead_letter_topic()
    until(platform.dead_letters, "the poison is on the dead-letter topic", 60)
    assert list(platform.dead_letters()) == [f"{platform.topic}-0-1"]
    platform.put([record("c", "1", "7")], 0)
    until(lambda: replica.iot.level("c") == "1", "the partition goes on")


def test_an_applied_change_is_logged_with_the_trace_that_began_at_crm(platform: Platform) -> None:
    replica = platform.add("a")
    platform.put([record("7733", "1", "5", traceparent=PARENT)])
    until(lambda: replica.iot.level("7733") == "1", "the change is applied")
    lines = [json.loads(line) for line in replica.iot.said().splitlines()]
    (line,) = [line for line in lines if line["message"] == "mandate applied"]
    assert (line["connectionId"], line["traceId"]) == ("7733", PARENT.split("-")[1])


def test_a_producers_headers_cannot_say_where_a_record_is(platform: Platform) -> None:
    platform.create_dead_letter_topic()
    replica = platform.add("a")
    forged = {
        "__offset": "77",
        "__partition": "3",
        "__timestamp": "1",
        "__topic": "other",
        "__key": "k",
        "__Offset": "7",
    }
    platform.put([record("7733", "2", "5"), (b"7733", b"{}")], 1, tenant="north", **forged)
    (letter,) = until(platform.dead_letters, "the poison is on the dead-letter topic").values()
    assert letter["id"] == f"{platform.topic}-1-1"
    assert (letter["data"]["key"], letter["data"]["headers"]) == ("7733", {"tenant": "north"})
    assert letter["data"]["timestamp"] > 1_700_000_000_000
    assert replica.iot.metric('iot_handled_timestamp_seconds{partition="1"}') > 1_700_000_000
    assert replica.iot.metric('iot_handled_timestamp_seconds{partition="3"}') == 0


def test_many_of_the_largest_do_not_exhaust_a_replica(platform: Platform) -> None:
    """With the limits of the charts: 192 MiB for IoT, 384 MiB for its sidecar."""
    platform.create_dead_letter_topic()
    room = 32_768 - 200  # of which the batch needs some
    number = 3_000
    platform.put([(f"{each}".encode(), b"x" * room) for each in range(number)])
    replica = platform.add("a")
    sample = 'iot_messages_total{fate="dead-lettered"}'
    until(lambda: replica.iot.metric(sample) >= number, "all are dead letters", 120, every=0.5)
    assert replica.iot.held() < 192 * 1.048576
    assert replica.sidecar.held() < 384 * 1.048576
    platform.put([record("after", "1", "5")])
    until(lambda: replica.iot.level("after") == "1", "the good one is applied")
