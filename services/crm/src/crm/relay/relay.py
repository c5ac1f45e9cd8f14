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

FORGET = 500
"""Published events after which their rows are taken out, together: each time costs as much as a change, and in
a file waits for the disk. Where it is quiet that happens at the next look."""

CROWD = 4
GATHER, LONGEST_GATHER = 0.0004, 0.02
"""After so many events at once, seconds for each of them in which the next ones gather, and the most of it. Each
bulk costs all who take part as much as several changes, whatever it holds: under load fewer bulks leave more time
for changes. A few events never wait, and a thousand changes a second some milliseconds."""

POLL = 0.2
"""Seconds between two looks for what other processes have put into the outbox."""

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

RESIGNING = 2.0
"""Seconds in which rows are taken out at the end, so that a stop does not wait for a silent database."""

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
    """Publishes what is in the outbox, at least once each.

    What this process stores is handed over in memory, as long as nothing was stored between: the outbox is read
    at first, after a failure, and for what others store.
    """

    def __init__(self, outbox: Waiting, publisher: Publisher, right: Right, lease: float = LEASE) -> None:
        """`lease` is how many seconds `right` lasts unless it is renewed."""
        self._outbox = outbox
        self._publisher = publisher
        self._right = right
        self._sending_time = lease * SENDING
        self._woken = asyncio.Event()
        self._draining = asyncio.Event()
        self._sending = False
        self._crowd = 0
        self._behind = True  # something is in the outbox, or may be, that was neither read nor handed over
        self._fallen = 0  # how often that came about
        self._newest = 0  # the sequence of the last event that was
        self._handed: list[ConnectionMandate] = []
        self._published: dict[str, int] = {}  # and still in the outbox: sequences by connection
        self._late: dict[str, int] = {}  # sent when others may have published since: likewise
        self.published = 0
        """Events that the broker has taken, since the start."""
        self.failed = 0
        """Times that an event was sent and not taken, since the start."""

    @property
    def active(self) -> bool:
        """Whether this process is the one that publishes; where all is published, none is."""
        return self._right.held

    def take(self, before: int, events: Sequence[ConnectionMandate]) -> None:
        """Publish `events`, which were just stored, the first of them next after the sequence `before`.

        With -1 and none of them: what was stored is in the outbox.
        """
        if self._behind or before != self._newest or len(self._handed) + len(events) > PAGE:
            self._fall_behind()
        else:
            self._handed += events
            self._newest = events[-1].sequence
        self._woken.set()

    def _fall_behind(self) -> None:
        self._behind = True
        self._fallen += 1
        self._handed = []

    def drain(self) -> None:
        """Ask `run` to end as soon as the outbox is empty, or another process's to publish."""
        self._fall_behind()
        self._draining.set()
        self._woken.set()

    async def run(self) -> None:
        """Publish whenever there is something; when it did not get through, again after a pause."""
        renewing = asyncio.create_task(self._renew())
        try:
            await self._go_on_until_drained()
        finally:
            renewing.cancel()

    async def _renew(self) -> None:
        """Keep the right while a bulk is under way: that takes as long as the broker is silent."""
        while True:
            await asyncio.sleep(RENEW)
            if self._sending:
                try:
                    await self._right.renew(self._sending_time)
                except Exception as error:  # renewed late it may still be in time
                    _tell("right to publish not renewed", error)

    async def _go_on_until_drained(self) -> None:
        pause, quiet = FIRST_PAUSE, 0
        while True:
            self._woken.clear()
            # Looked at before the sweep: one already under way may have missed the last events.
            draining = self._draining.is_set()
            if await self._sweep():
                pause = FIRST_PAUSE
                if draining:
                    await self.resign()
                    return
                if self._crowd >= CROWD:
                    await self._rest(min(self._crowd * GATHER, LONGEST_GATHER))
                quiet = 0 if await _set_within(self._woken, POLL) else quiet + 1
                if quiet == QUIET:
                    await self.resign()
                elif quiet:
                    self._fall_behind()
            else:
                await self._rest(pause)
                pause = min(2 * pause, LONGEST_PAUSE)

    async def resign(self) -> None:
        """Let another process publish at once, unless a bulk of this one may still be under way."""
        self._fall_behind()
        with suppress(Exception):  # then what is published will be again, and the right runs out by itself
            async with asyncio.timeout(RESIGNING):
                await self._forget()
            if not self._sending:
                await self._right.release()

    async def _rest(self, pause: float) -> None:
        if await _set_within(self._draining, pause):
            await asyncio.sleep(FIRST_PAUSE)

    async def _sweep(self) -> bool:
        """Publish what there is once; whether no more of it is for this process to publish now."""
        held: set[str] = set()
        try:
            if not self._right.held:
                self._fall_behind()
            if self._behind:
                await self._catch_up(held)
            handed, self._handed = self._handed, []
            self._crowd = len(handed)
            await self._publish_page(handed, held)  # what comes now wakes the relay
        except PublishError as error:
            _tell("sidecar not reached", error)
        except RightLostError as error:
            log.info("paused", extra={"reason": str(error)})
            self._fall_behind()
            return not self._late
        except Exception as error:  # a relay that ends leaves every later event
            _tell("outbox not available", error)
        else:
            if not held:
                return True
        self._fall_behind()
        return False

    async def _catch_up(self, held: set[str]) -> None:
        """Publish what is in the outbox, page by page."""
        await self._forget()
        if self._late:
            # Behind what is newer an older level would be the one that compaction leaves.
            await self._outbox.tell_again([*self._late], max(self._late.values()))
            log.warning("told again what was sent late", extra={"connections": len(self._late)})
            self._late = {}
        if not self._right.held and not await self._may_begin():
            return
        page = await self._read(0)
        await self._publish_page(page, held)
        while len(page) == PAGE:
            page = await self._read(page[-1].sequence)
            await self._publish_page(page, held)

    async def _may_begin(self) -> bool:
        return bool(await self._outbox.pending(0, 1)) and await self._right.take()

    async def _read(self, after: int) -> Sequence[ConnectionMandate]:
        fallen = self._fallen
        page = await self._outbox.pending(after, PAGE)
        if page:
            self._newest = page[-1].sequence
        # What was stored meanwhile is not surely in the page.
        self._behind = len(page) == PAGE or fallen != self._fallen
        return page

    async def _forget(self) -> None:
        """Take what is published out of the outbox."""
        if self._published:
            await self._outbox.forget([*self._published.values()])
            self._published = {}

    async def _publish_page(self, page: Sequence[ConnectionMandate], held: set[str]) -> None:
        """Publish `page` but for the connections in `held`, and add to these what fails now.

        One partition without a leader thus holds back its own connections, and no others.
        """
        for bulk in rounds(page):
            due = [event for event in bulk if event.connection_id not in held]
            # Else whoever goes on after a kill would publish the older one again, behind the newer.
            if not self._published.keys().isdisjoint(event.connection_id for event in due):
                await self._forget()
            failed = await self._publish(due) if due else {}
            held.update(event.connection_id for event in due if event.sequence in failed)
            self._published |= {event.connection_id: event.sequence for event in due if event.sequence not in failed}
            if failed:
                _tell("events not taken by the broker", next(iter(failed.values())), len(failed))
        if len(self._published) >= FORGET:
            await self._forget()

    async def _publish(self, due: Sequence[ConnectionMandate]) -> Mapping[int, str]:
        # Where it ran out others may have published what came after these, and what these are.
        await self._right.renew(self._sending_time)
        self._check()
        self._sending = True  # and it stays so when this task is cancelled before the answer
        try:
            failed = await self._publisher.publish(due, self._check)
        except RightLostError:
            self._sending = False
            raise
        except Exception:
            self._sent(due, len(due))
            raise
        self._sent(due, len(failed))
        return failed

    def _check(self) -> None:
        """Raises RightLostError, where others may publish before what is sent now has arrived."""
        if not self._right.has(self._sending_time):
            raise RightLostError("another process publishes")

    def _sent(self, due: Sequence[ConnectionMandate], failed: int) -> None:
        self._sending = False
        self.failed += failed
        self.published += len(due) - failed
        if not self._right.held:  # this process slept, or its node, or the database was away
            self._late |= {event.connection_id: event.sequence for event in due}


async def _set_within(event: asyncio.Event, seconds: float) -> bool:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    return event.is_set()


def _tell(message: str, reason: object, failed: int | None = None) -> None:
    fields = {"reason": str(reason)} | ({"failed": failed} if failed else {})
    log.warning("%s, will try again", message, extra=fields)
