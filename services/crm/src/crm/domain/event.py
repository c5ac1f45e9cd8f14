"""The event Connection Mandate: which change makes one, and what it carries."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

NO_MANDATE = "0"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Grant:
    """What one customer allows on one connection, and the sequence of the change that said so.

    The level of a connection is the mandate of its newest grant, and 0 when it has none: where
    two customers hold one connection, the last accepted change speaks for it.
    """

    connection_id: str
    mandate: str
    sequence: int


@dataclass(frozen=True, slots=True)
class ConnectionMandate:
    """The level of a connection, as of one accepted change; never altered, however often sent.

    `event_id` is the same in every delivery, `sequence` grows with every event of CRM, `time`
    is RFC 3339 in UTC, `traceparent` is the W3C header of the request that made the change.
    """

    event_id: str
    sequence: int
    time: str
    connection_id: str
    mandate: str
    traceparent: str | None = None

    def cloudevent(self) -> dict[str, object]:
        """The event as CloudEvents 1.0 JSON (its two fields are `data`, all else is envelope)."""
        envelope: dict[str, object] = {
            "specversion": "1.0",
            "id": self.event_id,
            "source": "crm",
            "type": "com.mandates.connection-mandate.v1",
            "subject": self.connection_id,
            "time": self.time,
            "datacontenttype": "application/json",
            "sequence": str(self.sequence),
            "data": {"connectionId": self.connection_id, "connectionMandate": self.mandate},
        }
        return envelope | ({"traceparent": self.traceparent} if self.traceparent else {})


def levels_changed(
    before: Grant | None, connection_id: str, mandate: str, others: Iterable[Grant]
) -> Sequence[tuple[str, str]]:
    """The (connection id, level) pairs that a change makes known, in the order to tell them.

    `before` is the customer's grant until now, None for a new customer; `others` are the grants
    of all other customers on the connection it may leave, and are looked at only if it does.
    New customer, other connection or other mandate: its connection is told; nothing else tells
    anything (seed.md). A connection left behind falls to its newest remaining grant, else to 0.
    """
    told = (connection_id, mandate)
    if before is None:
        return [told]
    if before.connection_id != connection_id:
        left = [grant for grant in others if grant.connection_id == before.connection_id]
        heir = max(left, key=lambda grant: grant.sequence, default=None)
        return [(before.connection_id, heir.mandate if heir else NO_MANDATE), told]
    return [told] if before.mandate != mandate else []


def next_sequence(last: int, now: datetime) -> int:
    """A sequence above `last`: microseconds since 1970 at `now`, or one more than `last`.

    The clock makes it grow also when CRM starts again with an empty store; one more than the
    last makes it grow when the clock stands still or goes back.
    """
    return max(last + 1, (now - _EPOCH) // timedelta(microseconds=1))
