"""Bringing the read model up to what a batch of mandates says, and never back."""

from collections.abc import Iterable
from typing import Final

from iot.mandate import Mandate, newest_per_connection, supersedes
from iot.store import RefusedError, Store, StoreAwayError

ATTEMPTS: Final = 8
"""How often a batch is compared and written before the broker is asked to send it again."""


async def consume(mandates: Iterable[Mandate], store: Store) -> tuple[set[str], str]:
    """Stores what is newer than what is stored: read, compare, write with etag.

    When somebody else wrote in between, what is stored is read and compared again, so an older
    level never overwrites a newer one, however late its writer. Doing it twice does no harm.

    Returns the ids of the connections that could not be settled, and why; none when all is well.
    """
    open_ = newest_per_connection(mandates)
    reason = "not all was written"
    try:
        for _ in range(ATTEMPTS):
            stored = await store.get_many(list(open_)) if open_ else {}
            open_ = {id_: mandate for id_, mandate in open_.items() if supersedes(mandate, stored[id_].mandate)}
            if not open_:
                return set(), ""
            try:
                await store.save((mandate, stored[id_].etag) for id_, mandate in open_.items())
            except RefusedError as refused:
                reason = str(refused)
            else:
                return set(), ""
    except StoreAwayError as away:
        reason = str(away)
    return set(open_), reason
