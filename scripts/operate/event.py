"""What the topic says of each connection: the judge between two that differ.

Which event can be read, and which of two is newer, are the rules of services/iot.
"""

import base64
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from operate.broker import Offsets, Record
from operate.connection import is_id

Rank = tuple[int, int, int, int]
"""Sequence (-1: none), then arrival: timestamp, partition, offset."""

AHEAD = 3_600_000_000
"""Microseconds that a sequence may be ahead of its record's time: IoT takes one further ahead for forged."""

_TYPE = "com.mandates.connection-mandate."
_VERSION = "v1"
_MAX_SEQUENCE = 2**63 - 1
_DECIMAL = re.compile(r"[0-9]{1,19}", re.ASCII)


@dataclass
class Told:
    """What the records of a topic say.

    :param newest: level and rank of each connection's newest event.
    :param last: when the last event of each connection arrived that has a sequence, whatever that is.
    :param changing: connections of which something was said at, or after, the offsets that were asked about.
    """

    newest: dict[str, tuple[str, Rank]] = field(default_factory=dict)
    last: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    changing: set[str] = field(default_factory=set)

    def level(self, connection: str) -> str | None:
        """Return the level of a connection, None when nothing is said of it."""
        said = self.newest.get(connection)
        return said and said[0]

    def sequence(self, connection: str) -> int:
        """Return the sequence of a connection's newest event, -1 when it has none."""
        said = self.newest.get(connection)
        return said[1][0] if said else -1

    @property
    def set_back(self) -> set[str]:
        """The connections whose last event is older by sequence than one before: a clock was set back.

        Of a partition, compaction will leave that last one alone.
        """
        return {one for one, (_, rank) in self.newest.items() if rank[0] >= 0 and self.last[one] > rank[1:]}

    @property
    def highest(self) -> int:
        """The highest sequence of all, 0 when there is none."""
        return max((rank[0] for _, rank in self.newest.values() if rank[0] > 0), default=0)


def told(records: Iterable[Record], since: Offsets | None = None) -> Told:
    """Read records, in any order.

    The higher sequence is newer; an event without one is older than any with; among equals arrival decides.
    What cannot be read says nothing.

    :param since: offsets for `Told.changing`.
    """
    whole = Told()
    for record in records:
        if (said := said_by(record)) is None:
            continue
        connection, level, sequence = said
        rank = (sequence, record.timestamp, record.partition, record.offset)
        best = whole.newest.get(connection)
        if best is None or rank >= best[1]:
            whole.newest[connection] = level, rank
        # Events of a connection can be on two partitions, which are read in any order.
        if sequence >= 0 and rank[1:] > whole.last.get(connection, ()):
            whole.last[connection] = rank[1:]
        if since is not None and record.offset >= since[record.partition]:
            whole.changing.add(connection)
    return whole


def newest(records: Iterable[Record]) -> dict[str, str]:
    """Return the level of each connection's newest event."""
    return {connection: level for connection, (level, _) in told(records).newest.items()}


def possible(records: Iterable[Record], passed: Offsets) -> dict[str, set[str]]:
    """Return the levels that a reader may give for each connection, from when it had passed these offsets.

    That is the newest before them, or any that has come since, while it was asked.
    """
    older: list[Record] = []
    later: list[Record] = []
    for record in records:
        (later if record.offset >= passed[record.partition] else older).append(record)
    levels = {connection: {level} for connection, level in newest(older).items()}
    for said in map(said_by, later):
        if said is not None:
            levels.setdefault(said[0], set()).add(said[1])
    return levels


def said_by(record: Record) -> tuple[str, str, int] | None:
    """Return connection, level and sequence (-1: none) of a record, None when it cannot be read."""
    try:
        text = record.value or ""
        text.encode()  # what is no UTF-8 is a surrogate here
        event = _unwrapped(json.loads(text))
        data = event["data"]
        data = json.loads(data) if isinstance(data, str) else data
        connection, level = data["connectionId"], data["connectionMandate"]
        kind, sequence = event.get("type"), _sequence(event.get("sequence"))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    if isinstance(kind, str) and kind.startswith(_TYPE) and kind != _TYPE + _VERSION:
        return None
    level = str(level) if type(level) is int else level
    if not isinstance(connection, str) or not is_id(connection) or level not in ("0", "1", "2"):
        return None
    if sequence > record.timestamp * 1000 + AHEAD:
        return None
    return connection, level, sequence


def _unwrapped(event: dict[str, Any]) -> dict[str, Any]:
    """Take an event out of one that a sidecar has put around it."""
    if "data" in event or "data_base64" not in event:
        return event
    inner: dict[str, Any] = json.loads(base64.b64decode(event["data_base64"], validate=True))
    return inner if "data" in inner else {**event, "data": inner}


def _sequence(value: object) -> int:
    if value is None:
        return -1
    number = value if type(value) is int else int(value) if isinstance(value, str) and _DECIMAL.fullmatch(value) else -1
    if 0 <= number <= _MAX_SEQUENCE:
        return number
    raise ValueError("no sequence")
