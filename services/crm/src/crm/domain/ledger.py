"""What a batch of changes makes of what is stored. No I/O, no clock."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import uuid4

from crm.domain.change import (
    Accepted,
    Change,
    KeyReusedError,
    KnownCustomerError,
    NoIdLeftError,
    RefusedError,
    RequestKey,
    StaleError,
    UnknownCustomerError,
    entity_tag,
)
from crm.domain.customer import LAST_ID, Details, InvalidCustomerError, Patch
from crm.domain.event import ConnectionMandate, Grant, levels_changed, next_sequence

Outcome = Accepted | RefusedError | InvalidCustomerError


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered to the request that had a key first."""

    fingerprint: str
    customer_id: int
    document: str


@dataclass(slots=True)
class Ledger:
    """What a batch of changes starts from, and then carries forward.

    `documents` and `grants` by customer id hold every customer that the batch names; `grants`
    also, of each connection that the batch leaves, those that can be the newest remaining one.
    `answers` by the text of their key are those to the keys of the batch. `known` are the
    customers of `documents` from before the batch: one that the batch makes is not among them,
    since nobody looked who else is on the connection it may leave.
    """

    documents: dict[int, str]
    grants: dict[int, Grant]
    answers: dict[str, Answer]
    last_customer_id: int
    last_sequence: int
    now: datetime
    known: frozenset[int] = field(init=False)

    def __post_init__(self) -> None:
        self.known = frozenset(self.documents)

    def outcome(self, change: Change) -> Outcome:
        """What `apply` returns or raises."""
        try:
            return self.apply(change)
        except (RefusedError, InvalidCustomerError) as error:
            return error

    def apply(self, change: Change) -> Accepted:
        """Carry the ledger over `change`.

        Raises RefusedError, and InvalidCustomerError where a patch makes no customer; then
        nothing is changed.
        """
        if change.key and (answer := self.answers.get(change.key.text)):
            return _again(change.key, answer)
        customer_id = change.customer_id or self._next_id()
        details = self._details(customer_id, change)
        accepted = self._accept(customer_id, details, change.traceparent)
        if change.key:
            self.answers[change.key.text] = Answer(change.key.fingerprint, customer_id, accepted.document)
        return accepted

    def _next_id(self) -> int:
        if self.last_customer_id >= LAST_ID:
            raise NoIdLeftError
        return self.last_customer_id + 1

    def _details(self, customer_id: int, change: Change) -> Details:
        """What the customer shall be after `change`, which may ask for it."""
        before = self.documents.get(customer_id)
        if change.new:
            if before is not None:
                raise KnownCustomerError(customer_id)
        elif before is None or customer_id not in self.known:
            raise UnknownCustomerError(customer_id)
        if change.expected is not None and (before is None or entity_tag(before) not in change.expected):
            raise StaleError(customer_id)
        if isinstance(change.details, Details):
            return change.details
        return change.details.applied(Details.of(before) if before else Details({}))

    def _accept(self, customer_id: int, details: Details, traceparent: str | None) -> Accepted:
        before = self.grants.get(customer_id)
        connection_id, mandate = details.connection_id, details.mandate
        others = (grant for holder, grant in self.grants.items() if holder != customer_id)
        levels = levels_changed(before, connection_id, mandate, others)
        events = [self._event(level, traceparent) for level in levels]
        # A change that tells nothing does not make its customer the one that speaks.
        sequence = before.sequence if before and not events else self.last_sequence
        self.grants[customer_id] = Grant(connection_id, mandate, sequence)
        self.documents[customer_id] = details.document(customer_id)
        self.last_customer_id = max(self.last_customer_id, customer_id)
        return Accepted(customer_id, self.documents[customer_id], events)

    def announce(self, levels: Mapping[str, str], traceparent: str | None) -> list[ConnectionMandate]:
        """Carry the ledger over telling these levels, by connection id, once more."""
        return [self._event(level, traceparent) for level in levels.items()]

    def _event(self, level: tuple[str, str], traceparent: str | None) -> ConnectionMandate:
        self.last_sequence = next_sequence(self.last_sequence, self.now)
        time = self.now.isoformat(timespec="microseconds").replace("+00:00", "Z")
        return ConnectionMandate(str(uuid4()), self.last_sequence, time, *level, traceparent)


def _again(key: RequestKey, answer: Answer) -> Accepted:
    if answer.fingerprint != key.fingerprint:
        raise KeyReusedError(key.text)
    return Accepted(answer.customer_id, answer.document, (), replayed=True)


def connection_named(change: Change) -> str | None:
    """The connection on which `change` puts its customer, None where it stays on its own."""
    if isinstance(change.details, Patch):
        named = change.details.properties.get("connectionId")
        return named if isinstance(named, str) else None
    return change.details.connection_id
