"""The customers as the API needs them, whoever keeps them."""

from collections.abc import Sequence
from typing import Protocol

from crm.domain.announcement import Announced
from crm.domain.change import Accepted, Change


class ImportingError(Exception):
    """The customers of the file are still being stored; the message says how far it is."""


class StoreError(Exception):
    """The database did not do what it was asked to."""


class StoreUnavailableError(StoreError):
    """The database does not answer; nothing was stored, and asking again later may help."""


class OutcomeUnknownError(StoreUnavailableError):
    """The connection was lost while a transaction was committed: it is stored whole or not at all,
    and nobody here knows which."""


class StoreUnfitError(StoreError):
    """The database is not as this release needs it: nothing was stored, and nothing will be until
    somebody has mended its tables, what is in them, or what the user of the database may do."""


class Customers(Protocol):
    """The store. Every method may raise StoreUnavailableError, StoreUnfitError."""

    async def accept(self, change: Change) -> Accepted:
        """Store a change with its events. Raises RefusedError, InvalidCustomerError."""

    async def announce(self, connections: Sequence[str], above: int, traceparent: str | None = None) -> Announced:
        """Tell the levels of `connections` once more, with sequences above `above`."""

    async def find(self, customer_id: int) -> str | None:
        """The customer as JSON text, None if there is none."""

    async def page(self, after: int, limit: int) -> list[tuple[int, str]]:
        """The first `limit` customers with an id above `after`, by rising id, as JSON text."""

    async def is_empty(self) -> bool:
        """Whether there is no customer at all."""
