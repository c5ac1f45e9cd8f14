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

from crm.domain.event import ConnectionMandate
from crm.relay.ports import Publisher, PublishError, Right, RightLostError, Waiting

log = logging.getLogger(__name__)

PAGE = 2000
"""Events read at a time, so the most that one bulk holds: a megabyte, as ids usually are. Each page
costs a commit, which in a file waits for the disk."""

POLL = 0.2
"""Seconds between two looks for what other processes have put into the outbox."""

CROWD = 8
GATHER = 0.02
"""After a page of at least so many events, seconds in which the next ones gather. Each bulk costs CRM
as much as two changes, whatever it holds: under load fewer bulks leave more time for changes. An
event that comes alone never waits."""

QUIET = 5
"""Looks without an event of this process's own before the right to publish is given up."""

LEASE = 90.0
"""Seconds that the right to publish lasts by default."""

SENDING = 75 / 90
"""The part of it that must be left when a bulk is sent: it may be on its way when the process that sent it is killed.
The sidecar goes on without it, 5 s where the broker refuses (measured), 30 s for each broker that is silent. While
the process lives it waits, however long that takes."""

RENEW = 5.0
"""Seconds between two looks whether the right to publish must be renewed while a bulk is under way."""

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0
"""Seconds between two tries, doubled from the first to the longest while nothing gets through."""


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

    def __init__(self, outbox: Waiting, publisher: Publisher, right: Right, lease: float = LEASE) -> None:
        """`lease` is how many seconds `right` lasts unless it is renewed."""
        self._outbox = outbox
        self._publisher = publisher
        self._right = right
        self._sending_time = lease * SENDING
        self._woken = asyncio.Event()
        self._draining = asyncio.Event()
        self._sending = False
        self._crowded = False
        self.published = 0
        """Events that the broker has taken, since the start."""
        self.failed = 0
        """Times that an event was sent and not taken, since the start."""

    @property
    def active(self) -> bool:
        """Whether this process is the one that publishes; where all is published, none is."""
        return self._right.held

    def wake(self) -> None:
        """Say that there are new events."""
        self._woken.set()

    def drain(self) -> None:
        """Ask `run` to end as soon as the outbox is empty, or another process's to publish."""
        self._draining.set()
        self._woken.set()

    async def run(self) -> None:
        """Publish whenever there is something; when it did not get through, again after a pause."""
        renewing = asyncio.create_task(self._renew())
        try:
            await self._sweep_until_drained()
        finally:
            renewing.cancel()

    async def _renew(self) -> None:
        """Keep the right while a bulk is under way: that takes as long as the broker is silent."""
        while True:
            await asyncio.sleep(RENEW)
            if self._sending:
                try:
                    await self._right.lasts(self._sending_time)
                except Exception as error:  # renewed late it may still be in time
                    _tell("right to publish not renewed", error)

    async def _sweep_until_drained(self) -> None:
        pause, quiet = FIRST_PAUSE, 0
        while True:
            self._woken.clear()
            # Looked at before the sweep: one already under way may have missed the last events.
            draining = self._draining.is_set()
            if await self._sweep():
                pause = FIRST_PAUSE
                if draining:
                    return
                if self._crowded:
                    await self._rest(GATHER)
                quiet = 0 if await self._woken_within(POLL) else quiet + 1
                if quiet == QUIET:
                    await self.resign()
            else:
                await self._rest(pause)
                pause = min(2 * pause, LONGEST_PAUSE)

    async def resign(self) -> None:
        """Let another process publish at once, unless a bulk of this one may still be under way."""
        if not self._sending:
            with suppress(Exception):  # then the right runs out by itself
                await self._right.release()

    async def _woken_within(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        return self._woken.is_set()

    async def _rest(self, pause: float) -> None:
        if self._draining.is_set():
            await asyncio.sleep(FIRST_PAUSE)
        else:
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._draining.wait()

    async def _sweep(self) -> bool:
        """Go through the outbox once; whether no more of it is for this process to publish now."""
        held: set[str] = set()
        try:
            if not self._right.held and not await self._may_begin():
                return True
            page = await self._outbox.pending(0, PAGE)
            while len(page) == PAGE:
                # Read ahead while the broker is at work.
                reading = asyncio.ensure_future(self._outbox.pending(page[-1].sequence, PAGE))
                try:
                    await self._publish_page(page, held)
                except BaseException:
                    reading.cancel()
                    raise
                page = await reading
            self._crowded = len(page) >= CROWD
            await self._publish_page(page, held)  # what came since has woken the relay
        except PublishError as error:
            _tell("sidecar not reached", error)
        except RightLostError as error:
            log.info("paused", extra={"reason": str(error)})
            return True
        except Exception as error:  # a relay that ends leaves every later event
            _tell("outbox not available", error)
        else:
            return not held
        return False

    async def _may_begin(self) -> bool:
        return bool(await self._outbox.pending(0, 1)) and await self._right.lasts(self._sending_time)

    async def _publish_page(self, page: Sequence[ConnectionMandate], held: set[str]) -> None:
        """Publish `page` but for the connections in `held`, and add to these what fails now.

        One partition without a leader thus holds back its own connections, and no others.
        """
        sent: list[int] = []
        try:
            for bulk in rounds(page):
                due = [event for event in bulk if event.connection_id not in held]
                failed = await self._publish(due) if due else {}
                held.update(event.connection_id for event in due if event.sequence in failed)
                sent += [event.sequence for event in due if event.sequence not in failed]
                if failed:
                    _tell("events not taken by the broker", next(iter(failed.values())), len(failed))
        finally:
            if sent:
                await self._outbox.forget(sent)

    async def _publish(self, due: Sequence[ConnectionMandate]) -> Mapping[int, str]:
        if not await self._right.lasts(self._sending_time):
            raise RightLostError("another process publishes")
        failed: Mapping[int, str] = {event.sequence: "" for event in due}
        self._sending = True  # and it stays so when this task is cancelled before the answer
        try:
            failed = await self._publisher.publish(due)
            self._sending = False
        except PublishError:
            self._sending = False
            raise
        finally:
            self.failed += len(failed)
            self.published += len(due) - len(failed)
        return failed


def _tell(message: str, reason: object, failed: int | None = None) -> None:
    fields = {"reason": str(reason)} | ({"failed": failed} if failed else {})
    log.warning("%s, will try again", message, extra=fields)
