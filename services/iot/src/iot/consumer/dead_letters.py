"""A dead letter: a message that cannot be read, kept whole, with where it was and why. Pure."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

import orjson

from iot.consumer.message import Message

TYPE: Final = "com.mandates.dead-letter.v1"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_MILLISECOND: Final = 253_402_300_799_999  # of the year 9999, the last that RFC 3339 can write


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that cannot be read.

    `id` is the message's position, `<topic>-<partition>-<offset>`, and the key on the dead-letter
    topic: a redelivery makes no second one. Without a position it is `unplaced-` and the
    SHA-256 of the original, which does the same.
    """

    id: str
    reason: str
    message: Message

    def cloudevent(self, now: datetime) -> bytes:
        """The CloudEvent (1.0), on one line: `time` is now, `data` is what happened to which message.

        data: topic, partition, offset and key; timestamp, the record's in ms since 1970, and time,
        the same as RFC 3339; each null where it was not told; headers, by name; reason; original,
        the message's bytes in base64.
        """
        told = self.message.metadata
        timestamp = _number(told.get("__timestamp"))
        event = {
            "specversion": "1.0",
            "id": self.id,
            "source": "iot",
            "type": TYPE,
            "subject": self.id,
            "time": _rfc3339(now),
            "datacontenttype": "application/json",
            "data": {
                "topic": told.get("__topic"),
                "partition": _number(told.get("__partition")),
                "offset": _number(told.get("__offset")),
                "key": told.get("__key"),
                "timestamp": timestamp,
                "time": None if timestamp is None else _rfc3339(_EPOCH + timedelta(milliseconds=timestamp)),
                "headers": {name: value for name, value in told.items() if not name.startswith("__")},
                "reason": self.reason,
                "original": base64.b64encode(self.message.original()).decode(),
            },
        }
        return orjson.dumps(event)


class DeadLetters(Protocol):
    """The port to where dead letters are kept."""

    async def publish(self, letters: Sequence[DeadLetter]) -> Mapping[str, str]:
        """Keeps letters. Those that were not acknowledged come back: id -> reason."""


def dead_letter(message: Message, reason: str) -> DeadLetter:
    """The dead letter of a message."""
    told = message.metadata
    position = [told.get(name) for name in ("__topic", "__partition", "__offset")]
    if all(position):
        return DeadLetter("-".join(map(str, position)), reason, message)
    return DeadLetter(f"unplaced-{hashlib.sha256(message.original()).hexdigest()}", reason, message)


def _number(text: object) -> int | None:
    """The number in decimal digits, if it is one that is also the milliseconds of a date."""
    if isinstance(text, str) and text.isascii() and text.isdigit() and len(text) <= len(str(_LAST_MILLISECOND)):
        return min(int(text), _LAST_MILLISECOND)
    return None


def _rfc3339(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
