"""Bringing the read model up to what a batch of mandates says, and never back."""

from asyncio import gather
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from iot.mandate import Mandate, is_set_back, newest_per_connection, supersedes
from iot.store import RefusedError, Store, StoreAwayError, Stored

ATTEMPTS: Final = 8
"""How often a batch is compared and written before the broker is asked to send it again."""

TOGETHER: Final = 500
"""Connections that are read and written together. A larger batch is worked on in such parts side by
side: while one waits for the store, the next is made ready."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a batch: what was written, of which connections nothing could be settled, and why;
    and what was set back (mandate.py)."""

    applied: Sequence[Mandate] = ()
    unsettled: frozenset[str] = field(default=frozenset())
    reason: str = ""
    set_back: Sequence[Mandate] = ()


class Consumer:
    """Of one store; batches may overlap."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._filling = False
        """Whether connections are taken to be new: since many were read and none was known, as in a
        rebuild, and until a write is refused. In a rebuild into Redis reading is half of the work."""

    async def consume(self, mandates: Iterable[Mandate]) -> Outcome:
        """Stores what is newer than what is stored: read, compare, write with etag.

        When somebody else wrote in between, what is stored is read and compared again, so an older
        level never overwrites a newer one, however late its writer. Doing it twice does no harm.
        What is taken to be new is written without a look, as new: refused where it is not, and then
        read and compared.
        """
        found = newest_per_connection(mandates)
        newest = list(found.mandates.values())
        parts = [newest[start : start + TOGETHER] for start in range(0, len(newest), TOGETHER)]
        outcomes = await gather(*(self._settle(part) for part in parts))
        if len(outcomes) == 1 and not found.set_back:
            return outcomes[0]
        return Outcome(
            [mandate for outcome in outcomes for mandate in outcome.applied],
            frozenset[str]().union(*(outcome.unsettled for outcome in outcomes)),
            next((outcome.reason for outcome in outcomes if outcome.reason), ""),
            (*found.set_back, *(mandate for outcome in outcomes for mandate in outcome.set_back)),
        )

    async def _settle(self, part: Sequence[Mandate]) -> Outcome:
        """`consume` for mandates of different connections."""
        left: Sequence[Mandate] = part
        written: list[Mandate] = []
        set_back: tuple[Mandate, ...] = ()
        reason = ""
        try:
            for attempt in range(ATTEMPTS):
                ids = [mandate.connection_id for mandate in left]
                guessed = self._filling and not attempt
                stored = dict.fromkeys(ids, Stored()) if guessed else await self._read(ids)
                if attempt:
                    # Of a refused write some was done.
                    written += [mandate for mandate in left if stored[mandate.connection_id].mandate == mandate]
                newer = [mandate for mandate in left if supersedes(mandate, stored[mandate.connection_id].mandate)]
                if len(newer) < len(left):
                    set_back += tuple(each for each in left if is_set_back(each, stored[each.connection_id].mandate))
                    left = newer
                if not left:
                    return Outcome(written, set_back=set_back)
                try:
                    await self._store.save(_over(left, stored))
                except RefusedError as refused:
                    reason = str(refused)
                    self._filling = False
                else:
                    return Outcome([*written, *left], set_back=set_back)
        except StoreAwayError as away:
            reason = str(away)
        return Outcome(written, frozenset(mandate.connection_id for mandate in left), reason, set_back)

    async def _read(self, connection_ids: Sequence[str]) -> dict[str, Stored]:
        stored = await self._store.get_many(connection_ids)
        if len(stored) >= TOGETHER and not any(each.etag for each in stored.values()):
            self._filling = True
        return stored


def _over(mandates: Iterable[Mandate], stored: dict[str, Stored]) -> Iterable[tuple[Mandate, str | None]]:
    return ((mandate, stored[mandate.connection_id].etag) for mandate in mandates)
