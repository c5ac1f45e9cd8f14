"""What the relay needs of others: events that wait, the right to publish them, and a way to the broker."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from crm.domain.event import ConnectionMandate


class PublishError(Exception):
    """Nothing is known to have reached the broker."""


class RightLostError(Exception):
    """Another process publishes now."""


class Publisher(Protocol):
    """The way to the broker."""

    async def publish(self, events: Sequence[ConnectionMandate], check: Callable[[], None]) -> Mapping[int, str]:
        """Send `events`; returns the reason by sequence for those the broker did not take.

        However long it takes: when it returns or raises, none of them is on its way any more. `check` is called
        when nothing is left to do before sending; what it raises passes when nothing was sent. Raises PublishError.
        """


class Waiting(Protocol):
    """The outbox, as far as the relay needs it."""

    async def pending(self, after: int, limit: int) -> Sequence[ConnectionMandate]:
        """The oldest `limit` events with a sequence above `after`, by rising sequence."""

    async def forget(self, sequences: Sequence[int]) -> None:
        """Take the events with these sequences out."""

    async def tell_again(self, connections: Sequence[str], above: int) -> None:
        """Put in what level each of `connections` has now, with sequences above `above`."""


class Right(Protocol):
    """The right to publish, which one process has at a time; see lease.py."""

    @property
    def held(self) -> bool:
        """Whether this process has it, and nobody else had it since it was taken."""

    def has(self, seconds: float) -> bool:
        """Whether so it will be for so many seconds more, unless it is renewed."""

    async def take(self) -> bool:
        """Whether this process has it; taken if nobody else has it."""

    async def renew(self, seconds: float) -> None:
        """Keep it, unless it lasts so many seconds more anyhow; what this process does not have is not taken."""

    async def release(self) -> None:
        """Let another process have it at once."""
