"""Bringing the read model up to what a batch of mandates says, and never back."""

from asyncio import gather
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from iot.domain.mandate import Mandate, is_set_back, newest_per_connection, supersedes
from iot.observability.metrics import Metrics
from iot.readmodel.recent import Recent
from iot.readmodel.store import RefusedError, Store, StoreAwayError, Stored

ATTEMPTS: Final = 8
"""How often a batch is compared and written before the broker is asked to send it again."""

TOGETHER: Final = 500
"""Connections that are read and written together. A larger batch is worked on in such parts side by
side: while one waits for the store, the next is made ready."""


FEW: Final = 50
"""Connections in a delivery that is no rebuild: what is written then may be changed soon again."""


class SetBack(NamedTuple):
    """A mandate that came later than another of its connection, `known`, and is older by sequence: see is_set_back."""

    mandate: Mandate
    known: Mandate


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a batch: what was written, of which connections nothing could be settled, and why;
    and which of those that were settled are set back."""

    applied: Sequence[Mandate] = ()
    unsettled: frozenset[str] = field(default=frozenset())
    reason: str = ""
    set_back: Sequence[SetBack] = ()


class Projector:
    """Of one store; batches may overlap."""

    def __init__(self, store: Store, metrics: Metrics) -> None:
        self._store = store
        self._metrics = metrics
        self._recent = Recent()
        self._filling = False
        """Whether connections are taken to be new: since many were read and none was known, as in a
        rebuild, and until a write is refused. In a rebuild reading is half of the work."""

    async def project(self, mandates: Iterable[Mandate]) -> Outcome:
        """Stores what is newer than what is stored: read, compare, write with etag.

        When somebody else wrote in between, what is stored is read and compared again, so an older
        level never overwrites a newer one, however late its writer. Doing it twice does no harm.
        What is taken to be new is written without a look, as new, and what was written here a moment ago over
        that: refused where it is not so any more, and then read and compared.
        """
        told = list(mandates)
        newest = newest_per_connection(told)
        ones = list(newest.values())
        parts = [ones[start : start + TOGETHER] for start in range(0, len(ones), TOGETHER)]
        known: dict[str, Mandate] = {}
        outcomes = await gather(*(self._settle(part, known) for part in parts))
        unsettled = frozenset[str]().union(*(outcome.unsettled for outcome in outcomes))
        # Where none came twice and none was known, none is set back.
        set_back = _set_back(told, known) if known or len(ones) < len(told) else ()
        return Outcome(
            [mandate for outcome in outcomes for mandate in outcome.applied],
            unsettled,
            next((outcome.reason for outcome in outcomes if outcome.reason), ""),
            # What is unsettled comes again, with all that came with it.
            tuple(each for each in set_back if each.mandate.connection_id not in unsettled),
        )

    async def _settle(self, part: Sequence[Mandate], known: dict[str, Mandate]) -> Outcome:
        """`project` for mandates of different connections. What was stored before is added to `known`."""
        left: Sequence[Mandate] = part
        written: list[Mandate] = []
        reason = ""
        try:
            for attempt in range(ATTEMPTS):
                ids = [mandate.connection_id for mandate in left]
                guessed = self._filling and not attempt
                if guessed:
                    stored = dict.fromkeys(ids, Stored())
                else:
                    stored = self._just_written(left, ids) or await self._read(ids)
                if attempt:
                    # Of a refused write some was done.
                    written += [mandate for mandate in left if stored[mandate.connection_id].mandate == mandate]
                for mandate in () if guessed else left:
                    if (old := stored[mandate.connection_id].mandate) is not None:
                        known.setdefault(mandate.connection_id, old)
                left = [mandate for mandate in left if supersedes(mandate, stored[mandate.connection_id].mandate)]
                if not left:
                    return Outcome(written)
                try:
                    with self._metrics.store_seconds.labels("write").time():
                        versions = await self._store.save((each, stored[each.connection_id].etag) for each in left)
                except RefusedError as refused:
                    self._recent.forget(ids)
                    self._metrics.store_refusals.inc()
                    reason = str(refused)
                    self._filling = False
                else:
                    if len(part) <= FEW:
                        self._recent.wrote(left, versions)
                    return Outcome([*written, *left])
        except StoreAwayError as away:
            self._recent.forget([mandate.connection_id for mandate in left])
            reason = str(away)
        return Outcome(written, frozenset(mandate.connection_id for mandate in left), reason)

    def _just_written(self, mandates: Sequence[Mandate], ids: Sequence[str]) -> dict[str, Stored] | None:
        """What was written here a moment ago, where all of these are newer. What seems to be old is compared with
        what is stored: that may have been lost since. A write that is refused ends what is known."""
        if len(ids) > FEW:
            return None
        stored = self._recent.all_of(ids)
        if stored and all(supersedes(mandate, stored[mandate.connection_id].mandate) for mandate in mandates):
            return stored
        return None

    async def _read(self, connection_ids: Sequence[str]) -> dict[str, Stored]:
        with self._metrics.store_seconds.labels("read").time():
            stored = await self._store.get_many(connection_ids, to_write=True)
        if len(stored) >= TOGETHER and not any(each.etag for each in stored.values()):
            self._filling = True
        return stored


def _set_back(mandates: Iterable[Mandate], stored: Mapping[str, Mandate]) -> Sequence[SetBack]:
    """Which of these are set back, in the order in which they came, after what was stored."""
    known = dict(stored)
    found = []
    for mandate in mandates:
        before = known.get(mandate.connection_id)
        if supersedes(mandate, before):
            known[mandate.connection_id] = mandate
        elif before is not None and is_set_back(mandate, before):
            found.append(SetBack(mandate, before))
    return tuple(found)
