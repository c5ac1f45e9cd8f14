"""Dead letters: what IoT could not read, with its place on the topic and the reason."""

import base64
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from operate.broker import Record


@dataclass(frozen=True)
class DeadLetter:
    """One message that could not be read.

    :param id: TOPIC-PARTITION-OFFSET of the original, also the record's key.
    :param key: the original's key, None if it had none.
    :param time: when it was written to its topic, or put aside, RFC 3339.
    :param original: its bytes.
    """

    id: str
    topic: str
    partition: int
    offset: int
    key: str | None
    time: str
    reason: str
    original: bytes

    @property
    def text(self) -> str:
        """The original for people."""
        return self.original.decode(errors="backslashreplace")

    def summary(self) -> dict[str, Any]:
        """Return all but the original as a JSON object's members."""
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
            topic=str(data["topic"]),
            partition=int(data["partition"]),
            offset=int(data["offset"]),
            key=None if data.get("key") is None else str(data["key"]),
            time=str(data["time"]),
            reason=str(data["reason"]),
            original=base64.b64decode(data["original"], validate=True),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        reason = f"this record is itself no dead letter ({type(error).__name__}: {error}): discard it"
        raw = (record.value or "").encode()
        return DeadLetter(str(record.key), "", record.partition, record.offset, record.key, "", reason, raw)
