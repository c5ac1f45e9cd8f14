"""What the topic says of each connection: the judge between two that differ."""

import json
from collections.abc import Iterable

from operate.broker import Offsets, Record

Rank = tuple[int, int, int, int]


def newest(records: Iterable[Record]) -> dict[str, str]:
    """Return the level of each connection's newest event, by the rule of services/iot.

    The higher sequence is newer; an event without one is older than any with; among equals arrival decides.
    What cannot be read says nothing.
    """
    best: dict[str, tuple[Rank, str]] = {}
    for record in records:
        if (said := said_by(record)) is None:
            continue
        connection, level, sequence = said
        rank = (sequence, record.timestamp, record.partition, record.offset)
        if connection not in best or rank >= best[connection][0]:
            best[connection] = rank, level
    return {connection: level for connection, (_, level) in best.items()}


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
        event = json.loads(record.value or "")
        data = event["data"]
        data = json.loads(data) if isinstance(data, str) else data
        connection, level = data["connectionId"], str(data["connectionMandate"])
        sequence = -1 if event.get("sequence") is None else int(event["sequence"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return (connection, level, sequence) if isinstance(connection, str) and level in ("0", "1", "2") else None
