"""What several tests make or look at."""

from crm.customer import Details, validated
from crm.event import ConnectionMandate

IN_MEMORY = "sqlite+aiosqlite:///:memory:"


def details(connection_id: str, mandate: str = "1", **others: str) -> Details:
    """A customer's details."""
    return validated({**others, "connectionId": connection_id, "connectionMandate": mandate})


def folded(events: list[ConnectionMandate]) -> dict[str, str]:
    """The level by connection that someone has who heard `events` and nothing else."""
    return {event.connection_id: event.mandate for event in events}
