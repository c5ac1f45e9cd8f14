"""Following a consumer group to the end of the topic."""

import json
import time
from contextlib import suppress

from cluster.failure import Failure
from cluster.target import Target
from operate.bar import Bar
from operate.broker import TOPIC, Broker, Offsets
from operate.readmodel import LIVE, REBUILD

# Seconds between two looks at the group, each of which starts a JVM beside the work it looks at.
PAUSE = 1.0
# Seconds in which a reader that is not at the end must have come forward.
PATIENCE = 120.0


def follow(broker: Broker, group: str) -> Offsets:
    """Show how a group comes forward, until it has read to the end of all partitions.

    The end is where it was one look ago, so that it is reached while events keep coming. Positions are
    counted, not records: a compacted topic has fewer records than positions.

    :returns: an offset of each partition that it has passed.
    :raises Failure: it does not come forward.
    """
    goal = broker.ends(TOPIC)
    bar, moved, before = Bar("events"), time.monotonic(), -1
    try:
        while True:
            stand = broker.stand(group, TOPIC, goal)
            at = {one: here.position for one, here in stand.items()}
            done = sum(at.values())
            bar.show(done, sum(goal.values()))
            if all(at[one] >= end for one, end in goal.items()):
                return goal
            goal = {one: max(end, stand[one].end) for one, end in goal.items()}
            if done != before:
                moved, before = time.monotonic(), done
            if time.monotonic() - moved > PATIENCE:
                behind = min(one for one, end in goal.items() if at[one] < end)
                raise Failure(
                    f"consumer group {group} has not come forward for {PATIENCE:.0f} s, at {at[behind]} of partition "
                    f"{behind}, which ends at {goal[behind]}{_reasons(broker.target)}",
                    f"Mend that, or look at the logs of its pods (deploy/{LIVE}, deploy/{REBUILD}); then run it again",
                )
            time.sleep(PAUSE)
    finally:
        bar.close()


def _reasons(target: Target) -> str:
    """Return what each reader lately gave as the reason for going no further, to be added to a sentence."""
    return "".join(
        f".\n    {name} says: {reason}" for name in (LIVE, REBUILD) if (reason := _last_reason(target, name))
    )


def _last_reason(target: Target, name: str) -> str | None:
    log = target.output(*target.words("logs", f"deployment/{name}", "--container", name, "--since=2m"), timeout=20)
    for line in reversed((log or "").splitlines()):
        with suppress(ValueError, KeyError, TypeError):
            return str(json.loads(line)["reason"])
    return None
