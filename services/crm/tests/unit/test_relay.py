import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

import pytest
from helpers import details
from hypothesis import given, settings
from hypothesis import strategies as st

from crm.domain.change import Change
from crm.domain.customers import StoreUnavailableError
from crm.domain.event import ConnectionMandate
from crm.relay import relay as relay_module
from crm.relay.ports import PublishError
from crm.relay.relay import Relay, rounds
from crm.store.customers import Store
from crm.store.database import Database
from crm.store.outbox import Outbox

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay_module, "FIRST_PAUSE", 0.001)
    monkeypatch.setattr(relay_module, "LONGEST_PAUSE", 0.004)
    monkeypatch.setattr(relay_module, "POLL", 0.01)
    monkeypatch.setattr(relay_module, "RENEW", 0.01)


class Broker:
    """Stands for sidecar and broker; each event of a bulk meets the next of `fates`."""

    def __init__(self, fates: Sequence[str] = ()) -> None:
        self.fates = list(fates)
        self.records: list[ConnectionMandate] = []
        self.acknowledged: set[int] = set()
        self.bulks: list[list[str]] = []
        self.arrival = asyncio.Event()

    async def publish(self, events: Sequence[ConnectionMandate], check: Callable[[], None]) -> Mapping[int, str]:
        await asyncio.sleep(0)
        check()
        self.bulks.append([event.connection_id for event in events])
        failed = {}
        for event in events:
            fate = self.fates.pop(0) if self.fates else "taken"
            if fate == "away":
                raise PublishError("nobody there")
            if fate != "refused":
                self.records.append(event)
                self.arrival.set()
            if fate == "taken":
                self.acknowledged.add(event.sequence)
            else:
                failed[event.sequence] = fate
        return failed

    async def has(self, records: int) -> None:
        """Wait until it has so many records."""
        async with asyncio.timeout(5):
            while len(self.records) < records:
                self.arrival.clear()
                await self.arrival.wait()


class Kept:
    """An outbox in a list."""

    def __init__(self, events: Sequence[ConnectionMandate]) -> None:
        self.events = list(events)
        self.reads = 0

    async def pending(self, after: int, limit: int) -> list[ConnectionMandate]:
        await asyncio.sleep(0)
        self.reads += 1
        found = [event for event in self.events if event.sequence > after][:limit]
        await asyncio.sleep(0)  # and what is stored now is not among them
        return found

    async def forget(self, sequences: Sequence[int]) -> None:
        self.events = [event for event in self.events if event.sequence not in sequences]

    async def tell_again(self, connections: Sequence[str], above: int) -> None:
        self.events += [
            ConnectionMandate(f"again-{key}", number, "", key, "0")
            for number, key in enumerate(connections, start=above + 1)
        ]


class Mine:
    """The right to publish, of a process that is alone unless `lost`."""

    def __init__(self) -> None:
        self.held = False
        self.lost = False
        self.asked = 0
        self.asked_often = asyncio.Event()
        self.released = asyncio.Event()

    def has(self, seconds: float) -> bool:
        assert seconds > 0
        return self.held

    async def take(self) -> bool:
        self.held = not self.lost
        return self.held

    async def renew(self, seconds: float) -> None:
        assert seconds > 0
        self.asked += 1
        if self.asked == 10:
            self.asked_often.set()
        self.held = self.held and not self.lost

    async def release(self) -> None:
        self.held = False
        self.released.set()


def events_of(keys: Sequence[str]) -> list[ConnectionMandate]:
    return [ConnectionMandate(f"id-{number}", number, "", key, "1") for number, key in enumerate(keys, start=1)]


async def drained(relay: Relay) -> None:
    relay.drain()
    await asyncio.wait_for(relay.run(), 5)


@given(st.lists(st.sampled_from("abcd")))
def test_rounds_have_every_event_once_in_order_and_no_connection_twice(keys: list[str]) -> None:
    events = events_of(keys)
    bulks = rounds(events)
    assert sorted(e.sequence for bulk in bulks for e in bulk) == [e.sequence for e in events]
    for bulk in bulks:
        assert bulk
        assert len({event.connection_id for event in bulk}) == len(bulk)
    for key in set(keys):
        sent = [e.sequence for bulk in bulks for e in bulk if e.connection_id == key]
        assert sent == sorted(sent)


@settings(deadline=None)
@given(
    st.lists(st.sampled_from("abc"), max_size=20),
    st.lists(st.sampled_from(["taken", "taken", "refused", "unacknowledged", "away"]), max_size=30),
    st.integers(1, 7),
)
def test_every_event_arrives_and_none_before_the_one_it_follows_was_taken(
    keys: list[str], fates: list[str], page: int
) -> None:
    events = events_of(keys)
    outbox, broker = Kept(events), Broker(fates)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(relay_module, "PAGE", page)
        asyncio.run(drained(Relay(outbox, broker, Mine())))
    assert outbox.events == []
    assert broker.acknowledged == {event.sequence for event in events}
    last: defaultdict[str, int] = defaultdict(int)
    for record in broker.records:
        # The same one again is allowed (at least once), an older one never.
        assert record.sequence >= last[record.connection_id]
        last[record.connection_id] = record.sequence
    assert all(events[record.sequence - 1] is record for record in broker.records)


async def test_a_connection_that_fails_holds_back_its_own_events_only() -> None:
    outbox, broker = Kept(events_of("aabb")), Broker(["refused"])
    await drained(Relay(outbox, broker, Mine()))
    assert broker.bulks == [["a", "b"], ["b"], ["a"], ["a"]]


async def test_a_page_full_of_failing_connections_does_not_stop_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(relay_module, "PAGE", 2)
    outbox, broker = Kept(events_of("aaaab")), Broker(["refused"])
    await drained(Relay(outbox, broker, Mine()))
    assert [record.connection_id for record in broker.records] == list("baaaa")


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.booleans(), st.integers(0, 7)), max_size=30),
    st.lists(st.sampled_from(["taken", "taken", "taken", "refused", "unacknowledged", "away"]), max_size=20),
    st.integers(1, 7),
)
def test_so_it_is_when_some_are_handed_over_and_others_stored_by_another_process(
    stored: list[tuple[str, bool, int]], fates: list[str], page: int
) -> None:
    outbox, broker = Kept([]), Broker(fates)

    async def run() -> None:
        relay = Relay(outbox, broker, Mine())
        running = asyncio.create_task(relay.run())
        for event, (_, own, turns) in zip(events_of([key for key, _, _ in stored]), stored, strict=True):
            outbox.events.append(event)
            if own:
                relay.take(event.sequence - 1, [event])
            for _ in range(turns):
                await asyncio.sleep(0)
        relay.drain()
        await asyncio.wait_for(running, 5)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(relay_module, "PAGE", page)
        patch.setattr(relay_module, "FORGET", page)
        asyncio.run(run())
    assert outbox.events == []
    assert broker.acknowledged == {number for number, _ in enumerate(stored, start=1)}
    last: defaultdict[str, int] = defaultdict(int)
    for record in broker.records:
        assert record.sequence >= last[record.connection_id]
        last[record.connection_id] = record.sequence


async def test_what_is_handed_over_is_published_without_a_look_and_forgotten_together() -> None:
    outbox, broker = Kept([]), Broker()
    relay = Relay(outbox, broker, Mine())
    running = asyncio.create_task(relay.run())
    events = events_of("abcdef")
    for event in events:
        outbox.events.append(event)
        relay.take(event.sequence - 1, [event])
        await broker.has(event.sequence)
        if event.sequence == 1:
            reads = outbox.reads
    assert (outbox.reads, outbox.events) == (reads, events)
    relay.drain()
    await asyncio.wait_for(running, 5)
    assert (outbox.events, broker.records) == ([], events)


@settings(deadline=None)
@given(st.lists(st.sampled_from("abc"), max_size=20), st.integers(1, 7), st.integers(1, 5), st.booleans())
def test_after_a_kill_none_is_published_again_behind_a_newer_one(
    keys: list[str], page: int, bulks: int, handed: bool
) -> None:
    events = events_of(keys)
    outbox = Kept([] if handed else events)

    class Killed(Broker):
        async def publish(self, events: Sequence[ConnectionMandate], check: Callable[[], None]) -> Mapping[int, str]:
            if len(self.bulks) == bulks:
                await asyncio.Event().wait()
            return await super().publish(events, check)

    killed, after = Killed(), Broker()

    async def run() -> None:
        relay = Relay(outbox, killed, Mine())
        running = asyncio.create_task(relay.run())
        for event in events if handed else ():
            outbox.events.append(event)
            relay.take(event.sequence - 1, [event])
            await asyncio.sleep(0)
        for _ in range(20 * len(events)):
            await asyncio.sleep(0)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await drained(Relay(outbox, after, Mine()))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(relay_module, "PAGE", page)
        asyncio.run(run())
    last: defaultdict[str, int] = defaultdict(int)
    for record in killed.records + after.records:
        assert record.sequence >= last[record.connection_id]
        last[record.connection_id] = record.sequence


async def test_what_was_read_before_the_right_was_lost_is_not_published_after() -> None:
    outbox, broker, right = Kept([]), Broker(), Mine()
    relay = Relay(outbox, broker, right)
    running = asyncio.create_task(relay.run())
    first, second = events_of("aa")
    outbox.events.append(first)
    pending = outbox.pending

    async def slept_through(after: int, limit: int) -> list[ConnectionMandate]:
        found = await pending(after, limit)
        if right.held and found == [first]:
            right.held = False
            outbox.events = [second]  # by then another process has published the first
        return found

    outbox.pending = slept_through  # type: ignore[method-assign]
    await broker.has(1)
    relay.drain()
    await asyncio.wait_for(running, 5)
    assert broker.records == [second]


async def test_nothing_is_sent_when_the_right_is_lost_at_the_last_moment() -> None:
    right = Mine()

    class Slow(Broker):
        async def publish(self, events: Sequence[ConnectionMandate], check: Callable[[], None]) -> Mapping[int, str]:
            if not self.arrival.is_set():
                self.arrival.set()
                right.held = False
            return await super().publish(events, check)

    outbox, broker = Kept(events_of("a")), Slow()
    relay = Relay(outbox, broker, right)
    await drained(relay)
    assert broker.records == []
    assert relay.failed == 0
    await drained(relay)
    assert broker.records == events_of("a")


@pytest.mark.parametrize("fates", [("taken", "taken"), ("refused", "refused"), ("away",)])
async def test_what_was_sent_when_the_right_was_lost_is_told_again(fates: Sequence[str]) -> None:
    """The one who had it by then may have published what is newer: this came behind it."""
    right = Mine()

    class Asleep(Broker):
        async def publish(self, events: Sequence[ConnectionMandate], check: Callable[[], None]) -> Mapping[int, str]:
            check()
            right.held = not self.fates
            if right.held:
                return await super().publish(events, check)
            outbox.events = []  # the other has published them, and the newer ones
            return await super().publish(events, lambda: None)

    outbox, broker = Kept(events_of("ab")), Asleep(fates)
    relay = Relay(outbox, broker, right)
    running = asyncio.create_task(relay.run())
    late = fates.count("taken")
    await broker.has(late + 2)
    relay.drain()
    await asyncio.wait_for(running, 5)
    again = broker.records[late:]
    assert [(event.event_id, event.connection_id, event.sequence) for event in again] == [
        ("again-a", "a", 3),
        ("again-b", "b", 4),
    ]


async def test_a_commit_wakes_it_at_once(database: Database, outbox: Outbox) -> None:
    broker = Broker()
    relay = Relay(outbox, broker, Mine())
    store = Store(database, relay.take)
    running = asyncio.create_task(relay.run())
    for number in range(3):
        await store.accept(Change(details(f"c{number}")))
        await broker.has(number + 1)
    relay.drain()
    await asyncio.wait_for(running, 5)
    assert await outbox.backlog() == 0


async def test_after_a_crowd_the_next_events_gather_and_alone_none_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(relay_module, "GATHER", 3600.0)
    monkeypatch.setattr(relay_module, "LONGEST_GATHER", 3600.0)
    alone, crowd = 1, relay_module.CROWD
    events = events_of([f"c{number}" for number in range(alone + crowd + 2)])
    outbox, broker = Kept([]), Broker()
    relay = Relay(outbox, broker, Mine())
    running = asyncio.create_task(relay.run())

    def store(upto: int) -> None:
        more = events[len(outbox.events) : upto]
        outbox.events += more
        relay.take(more[0].sequence - 1, more)

    for upto in (alone, alone + crowd):
        store(upto)
        await broker.has(upto)
    store(alone + crowd + 1)
    await asyncio.sleep(10 * relay_module.POLL)
    store(alone + crowd + 2)
    relay.drain()  # which ends an hour's gathering
    await asyncio.wait_for(running, 5)
    assert [len(bulk) for bulk in broker.bulks] == [alone, crowd, 2]


async def test_while_nobody_is_there_it_asks_less_and_less_often_then_catches_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pauses: list[float] = []
    outbox, broker = Kept(events_of("abc")), Broker(["away"] * 5)
    relay = Relay(outbox, broker, Mine())
    rest = relay._rest

    async def noted(pause: float) -> None:
        pauses.append(pause)
        relay.take(-1, ())  # a commit does not cut the pause short
        await rest(pause)

    monkeypatch.setattr(relay, "_rest", noted)
    running = asyncio.create_task(relay.run())
    await broker.has(3)
    assert pauses == [0.001, 0.002, 0.004, 0.004, 0.004]
    relay.drain()
    await asyncio.wait_for(running, 5)


async def test_an_outbox_that_is_away_for_a_while_does_not_end_it() -> None:
    outbox, broker = Kept(events_of("a")), Broker()
    answers = iter([StoreUnavailableError("away"), StoreUnavailableError("away")])
    pending = outbox.pending

    async def flaky(after: int, limit: int) -> list[ConnectionMandate]:
        if error := next(answers, None):
            raise error
        return await pending(after, limit)

    outbox.pending = flaky  # type: ignore[method-assign]
    await drained(Relay(outbox, broker, Mine()))
    assert len(broker.records) == 1


async def test_what_came_while_the_last_sweep_was_under_way_is_drained_too() -> None:
    first, second = events_of("ab")
    outbox, broker = Kept([first]), Broker()
    relay = Relay(outbox, broker, Mine())
    forget = outbox.forget

    async def forget_as_another_comes(sequences: Sequence[int]) -> None:
        if first.sequence in sequences:
            outbox.events.append(second)
            relay.drain()
        await forget(sequences)

    outbox.forget = forget_as_another_comes  # type: ignore[method-assign]
    await asyncio.wait_for(relay.run(), 5)
    assert broker.records == [first, second]


async def test_what_another_process_has_stored_is_found_without_being_told() -> None:
    outbox, broker = Kept([]), Broker()
    relay = Relay(outbox, broker, Mine())
    running = asyncio.create_task(relay.run())
    await asyncio.sleep(0)
    outbox.events += events_of("a")
    await broker.has(1)
    relay.drain()
    await asyncio.wait_for(running, 5)


async def test_without_the_right_nothing_is_published_and_a_stop_waits_for_nothing() -> None:
    outbox, broker, right = Kept(events_of("ab")), Broker(), Mine()
    right.lost = True
    relay = Relay(outbox, broker, right)
    running = asyncio.create_task(relay.run())
    await asyncio.sleep(0.05)
    assert (broker.records, relay.active) == ([], False)
    right.lost = False
    await broker.has(2)
    assert relay.active
    right.lost = True
    outbox.events += events_of("abc")[2:]
    relay.drain()
    await asyncio.wait_for(running, 5)
    assert [event.connection_id for event in outbox.events] == ["c"]


async def test_the_right_is_given_up_when_all_is_quiet_and_at_the_end() -> None:
    outbox, broker, right = Kept(events_of("a")), Broker(), Mine()
    relay = Relay(outbox, broker, right)
    running = asyncio.create_task(relay.run())
    await asyncio.wait_for(right.released.wait(), 5)
    assert not relay.active
    relay.drain()
    await asyncio.wait_for(running, 5)
    await right.take()
    await relay.resign()
    assert not relay.active


async def test_the_right_is_renewed_while_a_bulk_is_under_way_and_then_no_more() -> None:
    outbox, right, done = Kept(events_of("a")), Mine(), asyncio.Event()

    class Slow(Broker):
        async def publish(self, events: Sequence[ConnectionMandate], check: Callable[[], None]) -> Mapping[int, str]:
            await done.wait()
            return await super().publish(events, check)

    relay = Relay(outbox, Slow(), right)
    running = asyncio.create_task(relay.run())
    await asyncio.wait_for(right.asked_often.wait(), 5)
    done.set()
    await asyncio.wait_for(right.released.wait(), 5)
    asked = right.asked
    await asyncio.sleep(10 * relay_module.POLL)
    assert right.asked == asked
    relay.drain()
    await asyncio.wait_for(running, 5)


async def test_the_right_is_kept_when_a_stop_leaves_a_bulk_under_way() -> None:
    outbox, right, never = Kept(events_of("a")), Mine(), asyncio.Event()

    class Silent(Broker):
        async def publish(self, events: Sequence[ConnectionMandate], check: Callable[[], None]) -> Mapping[int, str]:
            self.arrival.set()
            await never.wait()
            return await super().publish(events, check)

    broker = Silent()
    relay = Relay(outbox, broker, right)
    running = asyncio.create_task(relay.run())
    await broker.arrival.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await relay.resign()
    assert right.held


async def test_it_counts_what_was_taken_and_what_was_not() -> None:
    relay = Relay(Kept(events_of("abc")), Broker(["refused", "taken", "taken", "away"]), Mine())
    await drained(relay)
    assert (relay.published, relay.failed) == (3, 2)
