"""Events twice, out of order, on any partition, and replicas that die: it ends at the newest."""

import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

from events import record

from parts.iot import Platform, Replica
from parts.process import until
from parts.redis import Redis


def test_whatever_is_repeated_reordered_and_killed_it_ends_at_the_newest(platform: Platform) -> None:
    dice = random.Random(7733)  # noqa: S311  no secret
    connections = [f"c{number}" for number in range(100)]
    events = [(each, str(dice.randrange(3)), sequence) for sequence in range(30) for each in connections]
    newest = {each: level for each, level, _ in events}
    sent = events + dice.sample(events, 1000)
    dice.shuffle(sent)
    replicas = [platform.add("a"), platform.add("b")]
    assert isinstance(platform.store, Redis)
    quarter = len(sent) // 4

    def rises(connection: str) -> int:
        """How often the newest sequence of a connection is another after a quarter."""
        parts = [sent[: (turn + 1) * quarter] for turn in range(4)]
        return len({max((each[2] for each in part if each[0] == connection), default=-1) for part in parts})

    with sequences(platform.store, max(connections, key=rises)) as watched:
        for turn in range(4):
            for partition in range(4):
                part = sent[turn * quarter : (turn + 1) * quarter][partition::4]
                platform.put([record(*each) for each in part], partition)
            victim = replicas[turn % 2]
            process = (victim.iot, victim.sidecar)[turn // 2]
            process.kill()
            process.begin()
        for replica in replicas:
            until(lambda it=replica: it.iot.answers("/readyz"), "the replica is ready again")  # type: ignore[misc]

        def wrong() -> list[str]:
            return [each for each, level in newest.items() if replicas[0].iot.level(each) != level]

        until(lambda: not wrong(), "every connection has its newest level", 60)
    for replica in replicas:
        # The store is both replicas': only what one of them counts shows that it takes events still.
        before = taken(replica)
        for partition in range(4):
            platform.put([record(f"last-{partition}", "1", 1)], partition)
        until(lambda it=replica, was=before: taken(it) > was, "events are taken still", 60)  # type: ignore[misc]
    assert not wrong()
    assert watched == sorted(watched)
    assert len(set(watched)) > 1


def taken(replica: Replica) -> float:
    """How many messages a replica has handled since it was started."""
    return sum(replica.iot.metric(f'iot_messages_total{{fate="{fate}"}}') for fate in ("applied", "stale"))


@contextmanager
def sequences(store: Redis, connection: str) -> Iterator[list[int]]:
    """The sequences that are stored of a connection, one after the other, for the length of a block."""
    seen: list[int] = []
    enough = Event()

    def look() -> None:
        while not enough.wait(0.005):
            if data := store.command("HGET", f"iot||{connection}", "data"):
                seen.append(json.loads(data)["sequence"])

    looking = Thread(target=look)
    looking.start()
    try:
        yield seen
    finally:
        enough.set()
        looking.join()
