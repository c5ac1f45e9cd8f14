"""The customers: each change is stored with its events, in one transaction."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime

import sqlalchemy as sql

from crm.batch import Batch
from crm.change import Accepted, Change, Ledger, UnknownCustomerError
from crm.database import Database
from crm.event import Grant
from crm.tables import customers, outbox

Outcome = Accepted | UnknownCustomerError

_documents = sql.select(customers.c.id, customers.c.document).order_by(customers.c.id)
_grants = sql.select(customers.c.id, customers.c.connection_id, customers.c.mandate, customers.c.sequence)
# A change's last event is its customer's own, so no event is newer than the newest grant.
_last = sql.select(
    sql.select(sql.func.max(customers.c.id)).scalar_subquery(),
    sql.select(sql.func.max(customers.c.sequence)).scalar_subquery(),
)
_update = sql.update(customers).where(customers.c.id == sql.bindparam("customer_id"))


class Store:
    """All customers. Every method raises StoreUnavailableError when the database fails."""

    def __init__(self, database: Database, committed: Callable[[], None]) -> None:
        """`committed` is called after each transaction that put events into the outbox."""
        self._database = database
        self._committed = committed
        self._changes = Batch(self.accept_all)
        self._finds = Batch(self._find_all)

    async def accept(self, change: Change) -> Accepted:
        """Store `change` with its events. Raises UnknownCustomerError."""
        outcome = await self._changes.add(change)
        if isinstance(outcome, UnknownCustomerError):
            raise outcome
        return outcome

    async def accept_all(self, changes: Sequence[Change]) -> list[Outcome]:
        """Store `changes`, in this order, with their events, in one transaction.

        The outcomes are in the same order. A customer that one of them makes is unknown to the
        rest. Of several changes of one customer the last stays, and each has its events.
        """
        outcomes = await self._database.run(lambda db: _accept(db, changes))
        if any(isinstance(outcome, Accepted) and outcome.events for outcome in outcomes):
            self._committed()
        return outcomes

    async def find(self, customer_id: int) -> str | None:
        """The customer as JSON text, None if there is none with this id."""
        return await self._finds.add(customer_id)

    async def _find_all(self, customer_ids: Sequence[int]) -> list[str | None]:
        query = _documents.where(customers.c.id.in_(set(customer_ids)))
        found = dict(await self._database.run(lambda db: map(tuple, db.execute(query).all())))
        return [found.get(customer_id) for customer_id in customer_ids]

    async def everyone(self) -> str:
        """All customers as the JSON text of one object, by rising id."""
        found = await self._database.run(lambda db: db.execute(_documents).all())
        return "{" + ",".join(f'"{customer_id}":{text}' for customer_id, text in found) + "}"

    async def is_empty(self) -> bool:
        """Whether there is no customer at all."""
        return await self._database.run(lambda db: db.execute(_documents.limit(1)).first()) is None


def _accept(db: sql.Connection, changes: Sequence[Change]) -> list[Outcome]:
    last_id, last_sequence = db.execute(_last).one()
    grants = _grants_concerned(db, changes)
    ledger = Ledger(grants, last_id or 0, last_sequence or 0, datetime.now(UTC))
    outcomes = [_outcome(ledger, change) for change in changes]
    accepted = [outcome for outcome in outcomes if isinstance(outcome, Accepted)]
    rows = {
        each.customer_id: {"document": each.document, **asdict(ledger.grants[each.customer_id])} for each in accepted
    }
    made = [{"id": key, **row} for key, row in rows.items() if key not in ledger.known]
    changed = [{"customer_id": key, **row} for key, row in rows.items() if key in ledger.known]
    events = [asdict(event) for each in accepted for event in each.events]
    for statement, parameters in (
        (customers.insert(), made),
        (_update, changed),
        (outbox.insert(), events),
    ):
        if parameters:
            db.execute(statement, parameters)
    return outcomes


def _outcome(ledger: Ledger, change: Change) -> Outcome:
    try:
        return ledger.apply(change)
    except UnknownCustomerError as error:
        return error


def _grants_concerned(db: sql.Connection, changes: Sequence[Change]) -> dict[int, Grant]:
    """The grants that a Ledger needs for `changes`."""
    changed = {change.customer_id for change in changes if not change.new}
    grants: dict[int, Grant] = {}
    if changed:
        for key, *grant in db.execute(_grants.where(customers.c.id.in_(changed))):
            grants[key] = Grant(*grant)
    now_at = {key: grant.connection_id for key, grant in grants.items()}
    left = set[str]()
    for change in changes:
        key = change.customer_id
        if key in now_at and now_at[key] != change.details.connection_id:
            left.add(now_at[key])
            now_at[key] = change.details.connection_id
    for connection_id in left:
        # At most all of `changes` leave it, so the newest grant that stays is among these.
        on_it = _grants.where(customers.c.connection_id == connection_id)
        newest = on_it.order_by(customers.c.sequence.desc()).limit(len(changes) + 1)
        for key, *grant in db.execute(newest):
            grants.setdefault(key, Grant(*grant))
    return grants
