"""What several tests make or look at."""

import sqlalchemy as sql

from crm.domain.customer import Details, validated
from crm.domain.event import ConnectionMandate
from crm.store.database import PATIENCE, Database
from crm.store.dialect import create_engine
from crm.store.tables import answers, counters, customers, imported_files, metadata, outbox

IN_MEMORY = "sqlite://"


def details(connection_id: str, mandate: str = "1", **others: str) -> Details:
    """A customer's details."""
    return validated({**others, "connectionId": connection_id, "connectionMandate": mandate})


def at_once() -> None:
    """What a publisher is given to ask last, where nothing keeps it from sending."""


def folded(events: list[ConnectionMandate]) -> dict[str, str]:
    """The level by connection that someone has who heard `events` and nothing else."""
    return {event.connection_id: event.mandate for event in events}


def emptied(url: str) -> str:
    """`url`, with no table in its database."""
    engine = create_engine(url, PATIENCE)
    with engine.begin() as connection:
        metadata.drop_all(connection)
    engine.dispose()
    return url


async def clear(database: Database) -> None:
    """Make the tables as they are at first, which is quicker than to make them anew."""

    def work(db: sql.Connection) -> None:
        for table in (customers, outbox, answers, imported_files):
            db.execute(table.delete())
        db.execute(counters.update().values(last_customer_id=0, last_sequence=0))

    await database.run(work)
