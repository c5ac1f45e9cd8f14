"""A change of a customer: what somebody asks for, and what comes of it. No I/O, no clock."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

from crm.domain.customer import LAST_ID, Details, Patch
from crm.domain.event import ConnectionMandate

KEY_LENGTH = 128
"""Characters of an idempotency key; the width of the column."""


@dataclass(frozen=True, slots=True)
class RequestKey:
    """Names one request, so that sending it again changes nothing again (Idempotency-Key).

    `text` has at most KEY_LENGTH characters, `fingerprint` at most 64: it tells the request from
    others that use the same text by mistake.
    """

    text: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Change:
    """What somebody asks for: these details, for a new customer or for one that is there.

    `customer_id` None takes the next free id; `new` says whether the customer must be new.
    `expected` are the entity tags of which the customer must have one (If-Match), None for any.
    """

    details: Details | Patch
    customer_id: int | None = None
    new: bool = True
    traceparent: str | None = None
    expected: frozenset[str] | None = None
    key: RequestKey | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """A change that is stored, with the customer's JSON text and the events that follow.

    `replayed`: an earlier change with the same key was; `document` is the one answered then.
    """

    customer_id: int
    document: str
    events: Sequence[ConnectionMandate]
    replayed: bool = False


class RefusedError(Exception):
    """A change that is not accepted; nothing comes of it, and others beside it go on."""


class UnknownCustomerError(RefusedError, LookupError):
    """A change of a customer that is not there."""


class KnownCustomerError(RefusedError):
    """A new customer with an id that one has already."""


class NoIdLeftError(RefusedError):
    """A new customer when the last id by which one can be named is given."""

    def __init__(self) -> None:
        super().__init__(f"no id is left up to {LAST_ID}")


class StaleError(RefusedError):
    """A change of a customer that has none of the expected entity tags."""


class KeyReusedError(RefusedError):
    """A key that another request had before."""


def entity_tag(document: str) -> str:
    """The strong entity tag (RFC 9110, quoted) of a customer's JSON text: the same text has the
    same tag, in every store and after every restart."""
    return f'"{blake2b(document.encode(), digest_size=12).hexdigest()}"'
