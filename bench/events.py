"""Events put on a topic as CRM's sidecar puts them there, and what they end with."""

import json
from collections.abc import Iterator
from typing import Any

from parts.iot import Iot, Platform

_FIRST = 1_760_000_000_000_000
"""Their first sequence: microseconds since 1970, as CRM counts."""

_AT_ONCE = 50_000
"""Fewer than a producer keeps waiting."""

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"


def put(platform: Platform, events: int, connections: int) -> None:
    """Put so many events on the topic, about one connection after the other, over and over."""
    for begin in range(0, events, _AT_ONCE):
        platform.put(_records(platform.topic, range(begin, min(begin + _AT_ONCE, events)), connections))


def must_be_known(iot: Iot, events: int, connections: int) -> None:
    """AssertionError unless IoT says of 200 connections what their last events say."""
    last = range(events - connections, events)
    for number in last[:: len(last) // 200]:
        connection, level = _said(number, connections)
        if (seen := iot.level(connection)) != level:
            raise AssertionError(f"{connection} has level {seen} instead of {level}")


def _said(number: int, connections: int) -> tuple[str, str]:
    """Connection and level of an event by its number: another level each time."""
    return f"c-{number % connections + 1}", str(number // connections % 3)


def envelope(topic: str, number: int, connections: int) -> dict[str, Any]:
    """An event by its number, about one of so many connections."""
    connection, level = _said(number, connections)
    return {
        "specversion": "1.0",
        "id": f"{_FIRST + number}-{connection}",
        "source": "crm",
        "type": "com.mandates.connection-mandate.v1",
        "subject": connection,
        "time": "2026-11-24T12:00:00.000017Z",
        "datacontenttype": "application/json",
        "sequence": str(_FIRST + number),
        "data": {"connectionId": connection, "connectionMandate": level},
        "topic": topic,
        "pubsubname": "crm-pubsub",
        "traceparent": TRACE,
        "traceid": TRACE,
        "tracestate": "",
    }


def _records(topic: str, numbers: range, connections: int) -> Iterator[tuple[bytes, bytes]]:
    for number in numbers:
        event = envelope(topic, number, connections)
        yield event["subject"].encode(), json.dumps(event, separators=(",", ":")).encode()
