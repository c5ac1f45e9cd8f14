"""Whether a new read model says what the old one says, and who is right where they differ."""

import time
from collections.abc import Collection

from cluster.failure import Failure
from cluster.target import Target
from offline.progress import say, step
from operate import event
from operate.broker import TOPIC, Broker
from operate.connection import connections_of, is_hashed
from operate.follow import follow
from operate.link import Link
from operate.query import Answers, answers
from operate.readmodel import LIVE, REBUILD, ReadModel
from operate.store import store_of

PORT = 3008
# Seconds in which a change that is under way must have reached both.
PATIENCE = 10.0


def compare(target: Target, broker: Broker, old: ReadModel, new: ReadModel) -> bool:
    """Ask both for the connections that the old one knows; where they differ for good, the topic decides.

    That the old one is wrong, or cannot be asked at all, may be why it is rebuilt: then the new one must
    say what the topic says.

    :returns: whether the new one says of all that the old one knows what that says: nothing is lost, then.
    :raises Failure: the new one is wrong.
    """
    whole = False
    with (
        step(f"compare {new} with {old}"),
        Link(target, "the new IoT", f"deployment/{REBUILD}", PORT) as asked,
    ):
        try:
            with Link(target, "IoT", f"deployment/{LIVE}", PORT) as before:
                keys = store_of(old.store).keys(target, old.app_id)
                connections = connections_of(keys, ())
                # Of a long id only the topic knows which it is.
                whole = not any(map(is_hashed, keys))
                say(f"    {len(connections):,} connections")
                differ: Answers | None = _differing(before, asked, connections)
        except Failure as away:
            say(f"  ! {old} cannot be asked, so the topic is: {away}")
            differ = None
        if differ is None or differ:
            _judge(broker, asked, new, differ)
    return whole and differ == {}


def _differing(old: Link, new: Link, connections: Collection[str]) -> Answers:
    """Return what the old one says of those for which the answers differ each time they are asked for."""
    until = time.monotonic() + PATIENCE
    while True:
        before, after = answers(old, connections), answers(new, connections)
        connections = [one for one in connections if before[one] != after[one]]
        if not connections or time.monotonic() > until:
            return {one: before[one] for one in connections}
        time.sleep(0.2)  # for a change that reached one of the two first


def _judge(broker: Broker, asked: Link, new: ReadModel, differ: Answers | None) -> None:
    """Hold the new one against the topic, for some connections, of which the old one said this, or (None) for all."""
    passed = follow(broker, new.app_id)
    before = differ or {}
    connections = list(before if differ is not None else broker.read(TOPIC, event.newest))
    now = answers(asked, connections)
    # Read after the question: among what has come since the offsets passed is then all that can be in an answer.
    truth = broker.read(TOPIC, lambda records: event.possible(records, passed))
    wrong = [one for one in connections if now[one] not in truth.get(one, {None})]
    if wrong:
        one = wrong[0]
        raise Failure(
            f"the new read model is wrong for {len(wrong):,} connections, such as {one}: "
            f"it says {_said(now[one])}, the topic {' or '.join(truth.get(one, {'nothing'}))}",
            f"Nothing was switched. Look at the logs of deploy/{REBUILD}, and give it up with scripts/rebuild --forget",
        )
    # Of a connection that changes all the time the two differ, and neither is wrong.
    mended = [one for one, level in before.items() if level not in truth.get(one, {None})]
    for one in mended[:10]:
        say(f"  mended: connection {one} was {_said(before[one])}, and is {_said(now[one])} as on the topic")
    if len(mended) > 10:
        say(f"  mended: {len(mended) - 10:,} more")


def _said(level: str | None) -> str:
    return "unknown" if level is None else level
