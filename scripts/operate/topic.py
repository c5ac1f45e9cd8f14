"""`scripts/topic`: what is on the topic, a line a record."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime

from cluster.target import Target
from offline.progress import say
from operate.broker import TOPIC, Broker, Record
from operate.event import said_by

_COLUMNS = "{:29}  {:>9}  {:>8}  {:20}  {:5}  {}"


def topic(target: Target, connections: Iterable[str] = (), *, follow: bool = False, machine: bool = False) -> int:
    """Print the records of the topic, those of a partition in their order.

    :param connections: only what is said of these; none: all, also what IoT cannot read.
    :param follow: go on with each that comes, until interrupted.
    :param machine: a JSON object a line.
    :returns: 0.
    :raises Failure: there is no topic, or it cannot be read.
    """
    broker, wanted = Broker(target), frozenset(connections)
    ends = broker.ends(TOPIC)

    def show(records: Iterable[Record]) -> int:
        shown = 0
        for record in records:
            told = _told(record)
            if not wanted or told["connection"] in wanted:
                say(json.dumps(told) if machine else _line(told))
                shown += 1
        return shown

    if not machine:
        say(_COLUMNS.format("TIME", "PARTITION", "OFFSET", "KEY", "LEVEL", "SEQUENCE"))
    if follow:
        show(broker.follow(TOPIC))
        return 0
    shown = show(broker.read(TOPIC, list, ends))
    if not machine:
        say(f"{shown:,} records. Next: scripts/audit compares them with CRM and IoT")
    return 0


def _told(record: Record) -> dict[str, object]:
    """What is shown of a record; connection, level and sequence are None where they cannot be read."""
    connection, level, sequence = said_by(record) or (None, None, -1)
    return {
        "time": datetime.fromtimestamp(record.timestamp / 1000, UTC).isoformat(timespec="milliseconds"),
        "partition": record.partition,
        "offset": record.offset,
        "key": record.key,
        "connection": connection,
        "level": level,
        "sequence": None if sequence < 0 else sequence,
    }


def _line(told: dict[str, object]) -> str:
    cells = (told[name] for name in ("time", "partition", "offset", "key", "level", "sequence"))
    # A key may hold what moves the cursor.
    return _COLUMNS.format(*("-" if cell is None else ascii(cell).strip("'") for cell in cells)).rstrip()
