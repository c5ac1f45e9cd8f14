"""Telling the level of connections again, whatever was told of them before. No I/O, no clock."""

from dataclasses import dataclass
from datetime import datetime

from crm.domain.event import next_sequence

AT_ONCE = 1000
"""Connections that are told in one transaction."""

AHEAD = 3_600_000_000
"""Microseconds that a sequence may be ahead of the clock. Readers take one further ahead of the time of
its record for forged."""


@dataclass(frozen=True, slots=True)
class Announced:
    """How many connections were told, the sequence of the last event, and how many events wait by now."""

    connections: int
    last_sequence: int
    waiting: int


def continued(last: int, above: int, now: datetime) -> int:
    """The sequence that the next one must be above, after `last` here and `above` on the topic.

    That is the higher of both, unless `last` is so far ahead of both clock and topic that a clock which
    was wrong must have made it: no reader takes what would follow it, so sequences go on from what readers
    know.
    """
    known = max(above, next_sequence(0, now))
    return known if last > known + AHEAD else max(last, above)
