"""Events twice, out of order, on any partition, and replicas that die: it ends at the newest."""

import random

from events import record

from parts.iot import Platform
from parts.process import until


def test_whatever_is_repeated_reordered_and_killed_it_ends_at_the_newest(platform: Platform) -> None:
    dice = random.Random(7733)  # noqa: S311  no secret
    connections = [f"c{number}" for number in range(100)]
    events = [(each, str(dice.randrange(3)), sequence) for sequence in range(30) for each in connections]
    newest = {each: level for each, level, _ in events}
    sent = events + dice.sample(events, 1000)
    dice.shuffle(sent)
    replicas = [platform.add("a"), platform.add("b")]
    quarter = len(sent) // 4
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
    platform.put([record("last", "1", 1)] * 4)
    until(lambda: replicas[1].iot.level("last") == "1", "events are taken still")
    assert not wrong()
