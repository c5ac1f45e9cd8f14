"""The mandate of a connection, and which of two is newer. Pure: no I/O, no framework, no clock."""

from collections.abc import Iterable
from typing import Final, Literal, NamedTuple, TypeGuard

Level = Literal["0", "1", "2"]
"""0 no mandate, 1 billing only, 2 real-time reading."""

LEVELS: Final = ("0", "1", "2")


def is_level(value: object) -> TypeGuard[Level]:
    """Whether a value is a mandate level: one of the three strings, not a number."""
    return isinstance(value, str) and value in LEVELS


class Arrival(NamedTuple):
    """Where the broker keeps the event, ordered by time first.

    The time (milliseconds since 1970, the record's own) orders across partitions too, and stays
    right when a repartition moves a key to where offsets are lower. Within one millisecond the
    offset orders.
    """

    timestamp: int = 0
    partition: int = 0
    offset: int = 0


UNKNOWN: Final = Arrival()


class Mandate(NamedTuple):
    """What one event says of one connection.

    `sequence` is the publisher's own number, which only grows (microseconds since 1970 or more);
    None when the event had none.
    """

    connection_id: str
    level: Level
    sequence: int | None = None
    arrival: Arrival = UNKNOWN


def _rank(mandate: Mandate) -> tuple[int, Arrival]:
    return (-1 if mandate.sequence is None else mandate.sequence, mandate.arrival)


def supersedes(new: Mandate, old: Mandate | None) -> bool:
    """Whether `new` takes the place of `old`, both of one connection.

    The order is total: by sequence; anything with a sequence over anything without one; among
    equals by arrival. So whatever way events are repeated and reordered, the newest one stays.
    Only where even the arrivals are the same (a transport that tells none) does the later call win.
    """
    return old is None or (new != old and _rank(new) >= _rank(old))


def is_set_back(new: Mandate, old: Mandate) -> bool:
    """Whether `new` came later than `old` and is older by sequence, both of one connection.

    A publisher's sequence only grows, so either its clock was set back when it forgot its last
    sequence, or it has published something once more that it took for lost.
    """
    return (
        new.sequence is not None
        and old.sequence is not None
        and new.sequence < old.sequence
        and new.arrival > old.arrival
    )


def newest_per_connection(mandates: Iterable[Mandate]) -> dict[str, Mandate]:
    """The newest mandate of each connection among these, by connection id."""
    newest: dict[str, Mandate] = {}
    for mandate in mandates:
        if supersedes(mandate, newest.get(mandate.connection_id)):
            newest[mandate.connection_id] = mandate
    return newest
