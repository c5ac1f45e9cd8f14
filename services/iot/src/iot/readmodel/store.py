"""The port to the read model: what the service needs of a state store."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from iot.domain.mandate import Mandate


class StoreAwayError(Exception):
    """The store, or the way to it, does not answer (in time)."""


class RefusedError(Exception):
    """Not all was written: someone else wrote first, or the store could not take some of it.

    Which it was, no caller can tell: read again, and compare again.
    """


class Stored(NamedTuple):
    """A mandate as it is stored, None when it is not, and the version that a write must name."""

    mandate: Mandate | None = None
    etag: str | None = None


class Store(Protocol):
    """Mandates by connection id. Every call may raise StoreAwayError."""

    async def get(self, connection_id: str) -> Mandate | None:
        """The mandate of one connection; None when it is not known."""

    async def get_many(self, connection_ids: Sequence[str], *, to_write: bool = False) -> dict[str, Stored]:
        """What is stored of each of these connections, by id.

        To be written over it may take as long as the store needs, and so may `save`: who delivers waits.
        """

    async def save(self, changes: Iterable[tuple[Mandate, str | None]]) -> Mapping[str, str]:
        """Writes each mandate over the version named by its etag; None: only if there is none.

        Returns the versions that they have got, by connection id, as far as the store lets one know without
        a look. Raises RefusedError when not all was written.
        """
