"""The customers: each change is stored with its events, in one transaction."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any, Generic, NamedTuple, TypeVar

import sqlalchemy as sql

from crm.domain.announcement import Announced
from crm.domain.change import Accepted, Change
from crm.domain.customers import StoreError, StoreUnavailableError
from crm.domain.event import ConnectionMandate
from crm.domain.ledger import Outcome
from crm.store import changes as stored
from crm.store.batch import Batch
from crm.store.database import MOST_WAITING, Database
from crm.store.tables import counters, customers, imported_files

Item = TypeVar("Item")

SWEEP = timedelta(minutes=1)
"""How often answers that are old enough are forgotten."""

PROBE = 1.5
"""Seconds in which a probe is answered: before the kubelet gives it up, which is after 2 s."""

log = logging.getLogger(__name__)

_last_id = sql.select(counters.c.last_customer_id).with_for_update()
_documents = sql.select(customers.c.id, customers.c.document).order_by(customers.c.id)


class _Asked(NamedTuple, Generic[Item]):
    """What is asked for, and since when, by time.monotonic."""

    item: Item
    at: float


class Store:
    """All customers. Every method raises StoreUnavailableError, or StoreUnfitError, when the database fails."""

    def __init__(self, database: Database, committed: Callable[[int, Sequence[ConnectionMandate]], object]) -> None:
        """`committed` is called after each transaction that put events into the outbox, with the last sequence
        before these; or with -1 and none of them."""
        self._database = database
        self._committed = committed
        self._changes = Batch(self._accept_waiting)
        self._finds = Batch(self._find_waiting)
        self._swept = datetime.min.replace(tzinfo=UTC)
        self._sweeping: asyncio.Task[None] | None = None

    async def accept(self, change: Change) -> Accepted:
        """Store `change` with its events. Raises RefusedError, InvalidCustomerError."""
        outcome = await self._changes.add(_asked_now(change, self._changes))
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def _accept_waiting(self, asked: Sequence[_Asked[Change]]) -> list[Outcome]:
        return await self.accept_all([each.item for each in asked], since=asked[0].at)

    async def accept_all(self, changes: Sequence[Change], since: float | None = None) -> list[Outcome]:
        """Store `changes`, in this order, with their events, in one transaction.

        The outcomes are in the same order. Changes of one customer follow each other: a patch
        sees what the one before has made, and each has its events. But a customer that one of
        them makes is unknown to the rest. `since` is when the first of them was asked for.
        """
        now = datetime.now(UTC)
        before, outcomes = await self._database.run(lambda db: _accept(db, changes, now), since=since)
        if events := [event for each in outcomes if isinstance(each, Accepted) for event in each.events]:
            self._committed(before, events)
        if now - self._swept > SWEEP and any(change.key for change in changes):
            self._swept = now
            # Aside: whether it succeeds is nothing to those whose changes are stored.
            self._sweeping = asyncio.create_task(self._sweep(now))
        return outcomes

    async def announce(self, connections: Sequence[str], above: int, traceparent: str | None = None) -> Announced:
        """Tell the levels of `connections` once more, with sequences above `above`."""
        now = datetime.now(UTC)
        told = await self._database.run(lambda db: stored.announced(db, connections, above, now, traceparent))
        self._committed(-1, ())
        return told

    async def _sweep(self, now: datetime) -> None:
        try:
            await self._database.run(lambda db: db.execute(stored.old_answers(now)))
        except StoreError as error:
            log.warning("old answers not forgotten, will try again", extra={"reason": str(error)})

    async def find(self, customer_id: int) -> str | None:
        """The customer as JSON text, None if there is none with this id."""
        return await self._finds.add(_asked_now(customer_id, self._finds))

    async def _find_waiting(self, asked: Sequence[_Asked[int]]) -> list[str | None]:
        query = _documents.where(customers.c.id.in_({each.item for each in asked}))
        rows = await self._database.run(lambda db: map(tuple, db.execute(query).all()), since=asked[0].at)
        found = dict(rows)
        return [found.get(each.item) for each in asked]

    async def page(self, after: int, limit: int) -> list[tuple[int, str]]:
        """The first `limit` customers with an id above `after`, by rising id, as JSON text."""
        query = _documents.where(customers.c.id > after).limit(limit)
        return await self._database.run(lambda db: [(key, text) for key, text in db.execute(query)])

    async def is_empty(self) -> bool:
        """Whether there is no customer at all. A probe asks it, so it is known soon or not at all."""
        return await self._database.run(lambda db: db.execute(_documents.limit(1)).first(), within=PROBE) is None

    async def count(self) -> int:
        """How many customers there are; the time it takes grows with them."""
        query = sql.select(sql.func.count()).select_from(customers)
        return await self._database.run(lambda db: db.scalar(query)) or 0

    async def has_imported(self, digest: str) -> bool:
        """Whether the file with this digest was imported, every row of it."""
        query = imported_files.select().where(imported_files.c.digest == digest, imported_files.c.finished)
        return await self._database.run(lambda db: db.execute(query).first()) is not None

    async def begin_import(self, digest: str, highest_id: int) -> bool:
        """Give new customers no id up to this one; whether there are no customers but those of this file."""
        begun = imported_files.select().where(imported_files.c.digest == digest)

        def begin(db: sql.Connection) -> bool:
            ((last_id,),) = db.execute(_last_id)
            db.execute(counters.update().values(last_customer_id=max(last_id, highest_id)))
            if db.execute(begun).first():
                return True
            if db.execute(customers.select().limit(1)).first():
                return False
            db.execute(imported_files.insert(), {"digest": digest, "finished": False})
            return True

        return await self._database.run(begin)

    async def end_import(self, digest: str) -> None:
        """Keep that every row of the file with this digest was imported."""

        def end(db: sql.Connection) -> None:
            db.execute(_last_id)  # two processes that end at the same time note it one after the other
            db.execute(imported_files.delete().where(imported_files.c.digest == digest))
            db.execute(imported_files.insert(), {"digest": digest, "finished": True})

        await self._database.run(end)


def _asked_now(item: Item, batch: Batch[_Asked[Item], Any]) -> _Asked[Item]:
    """`item` as one that may be added to `batch`. Raises StoreUnavailableError where too many wait."""
    if len(batch) >= MOST_WAITING:
        raise StoreUnavailableError(f"{MOST_WAITING} others wait for the database")
    return _Asked(item, monotonic())


def _accept(db: sql.Connection, changes: Sequence[Change], now: datetime) -> tuple[int, list[Outcome]]:
    """The last sequence before, and the outcomes."""
    ledger = stored.opened(db, changes, now)
    before, asked = ledger.last_sequence, frozenset(ledger.answers)
    outcomes = [ledger.outcome(change) for change in changes]
    stored.closed(db, ledger, asked, outcomes)
    return before, outcomes
