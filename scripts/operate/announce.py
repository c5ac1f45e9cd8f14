"""`scripts/announce`: let CRM tell the level of every connection again, so that CRM, the topic and IoT agree.

How far a run has come is read from the topic: what was told has a sequence above the highest that the topic had
when the run began. That one number is kept, on CRM's Deployment, until the run has come to its end.
"""

import json
import re
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from cluster.failure import Failure
from cluster.target import Target
from offline.progress import say, step
from operate.agreement import Heard, compared, hear
from operate.bar import Bar
from operate.broker import TOPIC, Broker, Offsets
from operate.connection import is_id
from operate.difference import NOBODY, mends, sentence_of
from operate.event import AHEAD
from operate.follow import follow
from operate.link import Link
from operate.proof import proof
from operate.readmodel import LIVE, ReadModel, live

MARK = "mandates/announcing"
# Connections that CRM tells in one transaction, and characters of an id that it takes.
AT_ONCE = 1000
LONGEST_ID = 128
# Events that may wait in CRM's outbox, which may be in its memory, before more are added.
WAITING = 10_000
# As many may wait at any time where customers keep changing; whether all was told, the topic says.
FEW = 50
# Seconds between two looks at the outbox, and seconds in which it must have become shorter.
PAUSE = 0.5
PATIENCE = 120.0
# Microseconds left to a clock that runs a little apart from the broker's.
MARGIN = 60_000_000
# Times that is told what is not on the topic yet: a CRM in memory that restarts forgets what waits.
ROUNDS = 5

_OUTBOX = re.compile(r"^crm_outbox_events (\d+)(?:\.0)?$", re.MULTILINE)


def announce(target: Target) -> int:
    """Tell all connections that CRM, the topic or IoT knows, wait until IoT has read them, and compare.

    Interrupted and run again it goes on with those that the topic does not have yet.

    :returns: 1 when some still differ, else 0.
    :raises Failure: something does not answer, or CRM would have to tell what IoT takes for forged.
    """
    token = proof(target, "crm")
    broker, read_model = Broker(target), live(target).read_model
    with Link(target, "CRM", "service/crm", 3005) as crm, Link(target, "IoT", "service/iot", 3008) as iot:
        begun = broker.ends(TOPIC)
        with step("ask CRM, the topic and IoT which connections there are"):
            heard = hear(target, broker, read_model, crm, begun)
        _name_untold(heard)
        start = _begin(target, heard.told.highest)
        left = untold(heard, start)
        for _ in range(ROUNDS):
            if not left:
                break
            _tell(broker, crm, token, left, heard)
            _drain(crm, FEW, "events on their way to the topic")
            begun = broker.ends(TOPIC)
            with step("look what the topic has by now"):
                heard = hear(target, broker, read_model, crm, begun)
            left = [one for one in left if heard.told.sequence(one) <= start]
        if left:
            raise Failure(f"{len(left):,} connections, such as {left[0]}, are not on the topic yet", "Run it again")
        _let_read(target, broker, read_model, begun)
        follow(broker, read_model.app_id)
        with step("compare CRM, the topic and IoT"):
            found = compared(broker, heard, crm, iot, begun)
        _end(target)
    for one in found.differences[:20]:
        say(f"  {sentence_of(one)}")
    say(f"{len(found.differences):,} differ." if found.differences else "None differ.")
    for line in mends(found.differences, found.set_back):
        say(f"  {line}")
    say(
        "Look at scripts/audit, which says more of them."
        if found.differences
        else f"Done: CRM, the topic and IoT agree on {found.connections:,} connections."
    )
    return 1 if found.differences else 0


def untold(heard: Heard, start: int) -> list[str]:
    """Return the connections whose newest event is not above `start`, or says another level than CRM does."""

    def is_told(connection: str) -> bool:
        levels = set(heard.held.get(connection, {}).values()) or {NOBODY}
        return heard.told.sequence(connection) > start and heard.told.level(connection) in levels

    return sorted(one for one in heard.connections if _can_be_told(one) and not is_told(one))


def _can_be_told(connection: str) -> bool:
    return len(connection) <= LONGEST_ID and is_id(connection)


def _name_untold(heard: Heard) -> None:
    """Tell of what CRM would refuse, by name: an id that CRM takes by now for none."""
    if unfit := sorted(one for one in heard.connections if not _can_be_told(one)):
        say(
            f"  ! {len(unfit):,} connections have ids that CRM tells nothing of, such as {unfit[0]!a}: "
            "give the customers who hold them another connectionId"
        )


def _tell(broker: Broker, crm: Link, token: Mapping[str, str], connections: Sequence[str], heard: Heard) -> None:
    """Put connections into CRM's outbox, portion by portion, so that it stays small.

    :raises Failure: CRM refuses, or would tell them with sequences that IoT takes for forged.
    """
    above, bound = heard.told.highest, broker.now() + AHEAD - MARGIN
    _check(above + len(connections), bound)
    bar, total = Bar("connections"), len(heard.connections)
    try:
        for start in range(0, len(connections), AT_ONCE):
            some = connections[start : start + AT_ONCE]
            body = json.dumps({"above": str(above), "connections": some}).encode()
            reply = crm.post("/announcements", body, token)
            try:
                if reply.status != 200:
                    raise crm.refusal(reply)
                answer = reply.json()
                last, waiting = int(answer["lastSequence"]), int(answer["waiting"])
            except (ValueError, KeyError, TypeError) as error:
                raise crm.refusal(reply) from error
            left = len(connections) - start - len(some)
            bar.show(total - left, total)
            _check(last + left, bound)
            if waiting > WAITING:
                _drain(crm, WAITING // 2)
    finally:
        bar.close()


def _let_read(target: Target, broker: Broker, read_model: ReadModel, ends: Offsets) -> None:
    """Start IoT's pods anew when they read nothing of a topic that was deleted and made anew.

    With the topic went the positions of its readers, and a sidecar that subscribes in bulk goes on waiting where
    the old one ended: seen with Dapr 1.18.2, whose loop then also takes a whole core.
    """
    stand = broker.stand(read_model.app_id, TOPIC, ends)
    if any(ends.values()) and not any(here.position for here in stand.values()):
        with step(f"let {LIVE} read the topic from its beginning: it was made anew"):
            target.kubectl("rollout", "restart", f"deployment/{LIVE}", log="announce")
            target.kubectl("rollout", "status", f"deployment/{LIVE}", "--timeout=180s", log="announce")


def _check(last: int, bound: int) -> None:
    """Raises Failure: the last sequence that CRM would give is above a bound."""
    if last > bound:
        then = datetime.now(UTC) + timedelta(microseconds=last - bound)
        raise Failure(
            "CRM's next sequences would be an hour ahead of the broker's clock, and IoT would take them for forged",
            f"Run it again after {then:%Y-%m-%d %H:%M:%S} UTC, or look whose clock was wrong",
        )


def _drain(crm: Link, bound: int, what: str = "") -> None:
    """Wait until no more than `bound` events wait in the outbox; show it when it is said what they are.

    :raises Failure: it does not become shorter.
    """
    bar, most, least, moved = Bar(what), 0, 1 << 62, time.monotonic()
    try:
        while (waiting := _waiting(crm)) is None or waiting > bound:
            if waiting is not None:
                most = max(most, waiting)
                if what:
                    bar.show(most - waiting, most)
                if waiting < least:
                    least, moved = waiting, time.monotonic()
            if time.monotonic() - moved > PATIENCE:
                raise Failure(
                    f"CRM's outbox has not become shorter for {PATIENCE:.0f} s: {waiting} events wait",
                    "Look at kubectl logs deploy/crm --all-containers and kubectl get kafka, and run it again",
                )
            time.sleep(PAUSE)
    finally:
        bar.close()


def _waiting(crm: Link) -> int | None:
    """Return how many events wait, None when CRM cannot say it now."""
    found = _OUTBOX.search(crm.get("/metrics").body.decode(errors="replace"))
    return found and int(found[1])


def _begin(target: Target, highest: int) -> int:
    """Return the highest sequence that the topic had when the run began that is not at its end."""
    deployment = target.get("deployment", "crm")
    if deployment is None:
        raise Failure("there is no deployment crm", "Run make up")
    kept = (deployment["metadata"].get("annotations") or {}).get(MARK, "")
    if kept.isdigit():
        say("  going on with what an earlier run has begun")
        return int(kept)
    target.kubectl("annotate", "deployment/crm", f"{MARK}={highest}", "--overwrite", log="announce")
    return highest


def _end(target: Target) -> None:
    target.kubectl("annotate", "deployment/crm", f"{MARK}-", log="announce")
