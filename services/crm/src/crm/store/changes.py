"""Reads what a Ledger starts from, and writes what it was carried to."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sql

from crm.domain.announcement import Announced, continued
from crm.domain.change import Accepted, Change
from crm.domain.event import NO_MANDATE, ConnectionMandate, Grant
from crm.domain.ledger import Answer, Ledger, Outcome, connection_named
from crm.store.dialect import updates
from crm.store.tables import answers, counters, customers, outbox

ANSWERS_KEPT = timedelta(hours=24)
"""How long a request that is sent again is answered as the first time."""

_lock = sql.select(counters.c.last_customer_id, counters.c.last_sequence).with_for_update()
_grant = (customers.c.connection_id, customers.c.mandate, customers.c.sequence)
_named = sql.select(customers.c.id, customers.c.document, *_grant).where(
    customers.c.id.in_(sql.bindparam("customer_ids", expanding=True))
)
_given = sql.select(
    answers.c.request_key, answers.c.expires, answers.c.fingerprint, answers.c.customer_id, answers.c.document
).where(answers.c.request_key.in_(sql.bindparam("keys", expanding=True)))
_asked = customers.c.connection_id.in_(sql.bindparam("connections", expanding=True))
_newest = (
    sql.select(customers.c.connection_id, sql.func.max(customers.c.sequence).label("sequence"))
    .where(_asked)
    .group_by(customers.c.connection_id)
    .subquery()
)
_levels = sql.select(customers.c.connection_id, customers.c.mandate).join(
    _newest,
    sql.and_(customers.c.connection_id == _newest.c.connection_id, customers.c.sequence == _newest.c.sequence),
)
_waiting = sql.select(sql.func.count()).select_from(outbox)
_update = updates(customers)


def opened(db: sql.Connection, changes: Sequence[Change], now: datetime) -> Ledger:
    """The ledger for `changes`. Until the transaction ends no other process has one."""
    last_id, last_sequence = db.execute(_lock).one()
    ledger = Ledger({}, {}, {}, last_id, last_sequence, now)
    if named := {change.customer_id for change in changes if change.customer_id}:
        for key, document, *grant in db.execute(_named, {"customer_ids": list(named)}):
            ledger.documents[key] = document
            ledger.grants[key] = Grant(*grant)
        ledger.known = frozenset(ledger.documents)
    for connection_id in _connections_left(ledger.grants, changes):
        # At most all of `changes` leave it, so the newest grant that stays is among these.
        on_it = sql.select(customers.c.id, *_grant).where(customers.c.connection_id == connection_id)
        newest = on_it.order_by(customers.c.sequence.desc()).limit(len(changes) + 1)
        for key, *grant in db.execute(newest):
            ledger.grants.setdefault(key, Grant(*grant))
    if keys := {change.key.text for change in changes if change.key}:
        _read_answers(db, ledger, keys)
    return ledger


def _read_answers(db: sql.Connection, ledger: Ledger, keys: Collection[str]) -> None:
    """Those to `keys` that still hold; of the others the keys are free for another request."""
    free = []
    for key, expires, *answer in db.execute(_given, {"keys": list(keys)}).all():
        if expires < int(ledger.now.timestamp()):
            free.append(key)
        else:
            ledger.answers[key] = Answer(*answer)
    if free:
        db.execute(answers.delete().where(answers.c.request_key.in_(free)))


def _connections_left(grants: dict[int, Grant], changes: Iterable[Change]) -> set[str]:
    """The connections that customers may leave, should all of `changes` be accepted or only some."""
    now_at = {key: grant.connection_id for key, grant in grants.items()}
    left = set[str]()
    for change in changes:
        key, connection_id = change.customer_id, connection_named(change)
        if key in now_at and connection_id is not None and now_at[key] != connection_id:
            left.add(now_at[key])
            now_at[key] = connection_id
    return left


def closed(db: sql.Connection, ledger: Ledger, asked: frozenset[str], outcomes: Sequence[Outcome]) -> None:
    """Store what `ledger` was carried to; `asked` are the keys that had an answer before."""
    accepted = [each for each in outcomes if isinstance(each, Accepted) and not each.replayed]
    if not accepted:
        return
    rows = {
        each.customer_id: {
            "id": each.customer_id,
            "document": each.document,
            **_columns(ledger.grants[each.customer_id]),
        }
        for each in accepted
    }
    counted = {"last_customer_id": ledger.last_customer_id, "last_sequence": ledger.last_sequence}
    for statement, parameters in (
        # An id that is taken is an error there: the counters are wrong.
        (customers.insert(), [row for key, row in rows.items() if key not in ledger.known]),
        (_update[db.dialect.name], [row for key, row in rows.items() if key in ledger.known]),
        (outbox.insert(), [_columns(event) for each in accepted for event in each.events]),
        (answers.insert(), list(_new_answers(ledger, asked))),
        (counters.update(), [counted]),
    ):
        if parameters:
            db.execute(statement, parameters)


def announced(
    db: sql.Connection, connections: Sequence[str], above: int, now: datetime, traceparent: str | None
) -> Announced:
    """Put the level of each of `connections` into the outbox, 0 where nobody holds it, with sequences above `above`."""
    last_id, last_sequence = db.execute(_lock).one()
    start = continued(last_sequence, above, now)
    if start < last_sequence:
        _set_back(db, start, last_sequence - start)
    ledger = Ledger({}, {}, {}, last_id, start, now)
    held = dict(map(tuple, db.execute(_levels, {"connections": connections})))
    levels = dict.fromkeys(connections, NO_MANDATE) | held
    events = ledger.announce(levels, traceparent)
    db.execute(outbox.insert(), [_columns(event) for event in events])
    db.execute(counters.update(), {"last_customer_id": last_id, "last_sequence": ledger.last_sequence})
    return Announced(len(events), ledger.last_sequence, db.scalar(_waiting) or 0)


def _set_back(db: sql.Connection, start: int, by: int) -> None:
    """Lower all sequences, so that those from `start` on can be given once more.

    The order of the grants stays. Events that no reader would take leave the outbox: their connections are
    told again.
    """
    db.execute(customers.update().values(sequence=customers.c.sequence - by))
    db.execute(outbox.delete().where(outbox.c.sequence > start))


def _columns(each: Grant | ConnectionMandate | Answer) -> dict[str, Any]:
    """The values by column, which has the name of the field; dataclasses.asdict costs ten times as much."""
    return {name: getattr(each, name) for name in each.__slots__}


def _new_answers(ledger: Ledger, asked: frozenset[str]) -> Iterator[dict[str, Any]]:
    expires = int((ledger.now + ANSWERS_KEPT).timestamp())
    for text in ledger.answers.keys() - asked:
        yield {"request_key": text, **_columns(ledger.answers[text]), "expires": expires}


def old_answers(now: datetime) -> sql.Delete:
    """Forgets the answers that were kept long enough."""
    return answers.delete().where(answers.c.expires < int(now.timestamp()))
