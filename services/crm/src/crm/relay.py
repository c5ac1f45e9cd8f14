"""The relay: takes events from the outbox to the broker, in order per connection, until all went.

No bulk ever holds two events of one connection: the next one goes out only after the broker has
taken the one before. Neither the API of bulk publishing nor a broker's client that retries
promises an order inside one bulk, and on a compacted topic the last record is what remains.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Protocol

from crm.event import ConnectionMandate

log = logging.getLogger(__name__)

PAGE = 500
"""Events read at a time, so the most that one bulk holds; larger ones gained no speed."""

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0
"""Seconds between two tries, doubled from the first to the longest while nothing gets through."""


class PublishError(Exception):
    """Nothing is known to have reached the broker."""


class Publisher(Protocol):
    """The way to the broker."""

    async def publish(self, events: Sequence[ConnectionMandate]) -> Mapping[int, str]:
        """Send `events`; returns the reason by sequence for those the broker did not take.

        Raises PublishError.
        """


class Waiting(Protocol):
    """The outbox, as far as the relay needs it."""

    async def pending(self, after: int, limit: int) -> Sequence[ConnectionMandate]:
        """The oldest `limit` events with a sequence above `after`, by rising sequence."""

    async def forget(self, sequences: Sequence[int]) -> None:
        """Take the events with these sequences out."""


def rounds(events: Sequence[ConnectionMandate]) -> list[list[ConnectionMandate]]:
    """`events` in bulks to send one after the other: the n-th has the n-th of each connection."""
    bulks: list[list[ConnectionMandate]] = []
    seen: defaultdict[str, int] = defaultdict(int)
    for event in events:
        if seen[event.connection_id] == len(bulks):
            bulks.append([])
        bulks[seen[event.connection_id]].append(event)
        seen[event.connection_id] += 1
    return bulks


class Relay:
    """Publishes what is in the outbox, at least once each."""

    def __init__(self, outbox: Waiting, publisher: Publisher) -> None:
        self._outbox = outbox
        self._publisher = publisher
        self._woken = asyncio.Event()
        self._draining = asyncio.Event()

    def wake(self) -> None:
        """Say that there are new events."""
        self._woken.set()

    def drain(self) -> None:
        """Ask `run` to end as soon as the outbox is empty."""
        self._draining.set()
        self._woken.set()

    async def run(self) -> None:
        """Publish whenever woken; when something did not get through, again after a pause."""
        pause = FIRST_PAUSE
        while True:
            self._woken.clear()
            # Looked at before the sweep: one already under way may have missed the last events.
            draining = self._draining.is_set()
            if await self._sweep():
                pause = FIRST_PAUSE
                if draining:
                    return
                await self._woken.wait()
            else:
                await self._rest(pause)
                pause = min(2 * pause, LONGEST_PAUSE)

    async def _rest(self, pause: float) -> None:
        if self._draining.is_set():
            await asyncio.sleep(FIRST_PAUSE)
        else:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._draining.wait(), pause)

    async def _sweep(self) -> bool:
        """Go through the outbox once; whether all of it was published."""
        held: set[str] = set()
        after = 0
        try:
            while True:
                page = await self._outbox.pending(after, PAGE)
                await self._publish_page(page, held)
                if len(page) < PAGE:  # what came since has woken the relay
                    return not held
                after = page[-1].sequence
        except PublishError as error:
            _tell("sidecar not reached", error)
        except Exception as error:  # a relay that ends leaves every later event
            _tell("outbox not available", error)
        return False

    async def _publish_page(self, page: Sequence[ConnectionMandate], held: set[str]) -> None:
        """Publish `page` but for the connections in `held`, and add to these what fails now.

        One partition without a leader thus holds back its own connections, and no others.
        """
        sent: list[int] = []
        try:
            for bulk in rounds(page):
                due = [event for event in bulk if event.connection_id not in held]
                failed = await self._publisher.publish(due) if due else {}
                held.update(event.connection_id for event in due if event.sequence in failed)
                sent += [event.sequence for event in due if event.sequence not in failed]
                if failed:
                    _tell("events not taken by the broker", next(iter(failed.values())), len(failed))
        finally:
            if sent:
                await self._outbox.forget(sent)


def _tell(message: str, reason: object, failed: int | None = None) -> None:
    fields = {"reason": str(reason)} | ({"failed": failed} if failed else {})
    log.warning("%s, will try again", message, extra={"fields": fields})
