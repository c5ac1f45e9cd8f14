"""A change of a customer, and what a batch of them makes of what is stored. No I/O, no clock."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import uuid4

from crm.customer import Details
from crm.event import ConnectionMandate, Grant, levels_changed, next_sequence


@dataclass(frozen=True, slots=True)
class Change:
    """What somebody asks for: these details, for a new customer or for one that is there.

    `customer_id` None takes the next free id; `new` says whether the customer must be new.
    """

    details: Details
    customer_id: int | None = None
    new: bool = True
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """A change that is stored, with the customer's JSON text and the events that follow."""

    customer_id: int
    document: str
    events: Sequence[ConnectionMandate]


class UnknownCustomerError(LookupError):
    """A change of a customer that is not there."""


@dataclass(slots=True)
class Ledger:
    """The grants and counters that a batch of changes starts from, and then carries forward.

    `grants` by customer id holds every customer that the batch changes and, of each connection
    that the batch leaves, the grants that can be the newest remaining one. `known` are the
    customers of `grants` from before the batch.
    """

    grants: dict[int, Grant]
    last_customer_id: int
    last_sequence: int
    now: datetime
    known: frozenset[int] = field(init=False)

    def __post_init__(self) -> None:
        self.known = frozenset(self.grants)

    def apply(self, change: Change) -> Accepted:
        """Carry the ledger over `change`. Raises UnknownCustomerError, changing nothing."""
        customer_id = change.customer_id or self.last_customer_id + 1
        if not change.new and customer_id not in self.known:
            raise UnknownCustomerError(customer_id)
        before = self.grants.get(customer_id)
        connection_id, mandate = change.details.connection_id, change.details.mandate
        others = (grant for holder, grant in self.grants.items() if holder != customer_id)
        levels = levels_changed(before, connection_id, mandate, others)
        events = [self._event(level, change.traceparent) for level in levels]
        # A change that tells nothing does not make its customer the one that speaks.
        sequence = before.sequence if before and not events else self.last_sequence
        self.grants[customer_id] = Grant(connection_id, mandate, sequence)
        self.last_customer_id = max(self.last_customer_id, customer_id)
        return Accepted(customer_id, change.details.document(customer_id), events)

    def _event(self, level: tuple[str, str], traceparent: str | None) -> ConnectionMandate:
        self.last_sequence = next_sequence(self.last_sequence, self.now)
        time = self.now.isoformat(timespec="microseconds").replace("+00:00", "Z")
        return ConnectionMandate(str(uuid4()), self.last_sequence, time, *level, traceparent)
