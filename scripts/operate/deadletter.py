"""Dead letters: what IoT could not read, with its place on the topic and the reason."""

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from operate.broker import Record


@dataclass(frozen=True)
class DeadLetter:
    """One message that could not be read. What its broker did not tell of it is None.

    :param id: TOPIC-PARTITION-OFFSET of the original, also the record's key.
    :param key: the original's key.
    :param timestamp: when it was written to its topic, in milliseconds since 1970.
    :param headers: of the original.
    :param original: its bytes.
    """

    id: str
    topic: str | None
    partition: int | None
    offset: int | None
    key: str | None
    timestamp: int | None
    headers: Mapping[str, str]
    reason: str
    original: bytes

    @property
    def time(self) -> str | None:
        """When it was written, RFC 3339."""
        if self.timestamp is None:
            return None
        return datetime.fromtimestamp(self.timestamp / 1000, UTC).isoformat(timespec="milliseconds")

    @property
    def text(self) -> str:
        """The original for people."""
        return self.original.decode(errors="backslashreplace")

    def summary(self) -> dict[str, Any]:
        """Return all but the original and its headers as a JSON object's members."""
        return {
            "id": self.id,
            "topic": self.topic,
            "partition": self.partition,
            "offset": self.offset,
            "key": self.key,
            "time": self.time,
            "reason": self.reason,
            "bytes": len(self.original),
        }

    def metadata(self) -> dict[str, str]:
        """Return what the sidecar would tell of the original."""
        place = {
            "__topic": self.topic,
            "__partition": self.partition,
            "__offset": self.offset,
            "__key": self.key,
            "__timestamp": self.timestamp,
        }
        return {**self.headers, **{name: str(value) for name, value in place.items() if value is not None}}


def open_letters(records: Iterable[Record]) -> list[DeadLetter]:
    """Return the dead letters nobody has dealt with, oldest first.

    Of several records of one key the last counts; an empty one means that it was dealt with.
    """
    last: dict[str, Record] = {}
    for record in records:
        if record.key is not None:
            last.pop(record.key, None)
            last[record.key] = record
    return [letter_in(record) for record in last.values() if record.value is not None]


def letter_in(record: Record) -> DeadLetter:
    """Read a record. One that is no dead letter becomes one that says so: it must not hide the others."""
    try:
        data = json.loads(record.value or "")["data"]
        return DeadLetter(
            id=str(record.key),
            topic=None if data["topic"] is None else str(data["topic"]),
            partition=_number(data["partition"]),
            offset=_number(data["offset"]),
            key=None if data["key"] is None else str(data["key"]),
            timestamp=_number(data["timestamp"]),
            headers={str(name): str(value) for name, value in (data.get("headers") or {}).items()},
            reason=str(data["reason"]),
            original=base64.b64decode(data["original"], validate=True),
        )
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        reason = f"this record is itself no dead letter ({type(error).__name__}: {error}): discard it"
        raw = (record.value or "").encode(errors="surrogateescape")
        return DeadLetter(str(record.key), None, None, None, None, record.timestamp, {}, reason, raw)


def _number(value: object) -> int | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise TypeError(f"{value!r} is no number")
