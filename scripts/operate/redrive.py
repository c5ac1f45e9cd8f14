"""`scripts/redrive`: list what IoT could not read, give it to IoT once more, or discard it."""

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

from cluster.failure import Failure
from cluster.target import Target
from offline.progress import say
from operate.broker import DEAD_LETTERS, Broker
from operate.deadletter import DeadLetter, open_letters
from operate.link import Link
from operate.proof import proof
from operate.table import table

# What is taken is marked in portions: each starts a JVM in the tools' pod.
PORTION = 500


def shown(target: Target, *, machine: bool) -> int:
    """Print the open dead letters."""
    letters = _open(Broker(target))
    if machine:
        say(json.dumps([one.summary() for one in letters], indent=2))
    elif letters:
        say(table(("ID", "TIME", "REASON"), [(one.id, one.time or "-", one.reason) for one in letters]))
    else:
        say("No dead letters.")
    return 0


def one_shown(target: Target, name: str, *, machine: bool) -> int:
    """Print one dead letter with its original."""
    (letter,) = _chosen(_open(Broker(target)), [name])
    if machine:
        original = base64.b64encode(letter.original).decode()
        say(json.dumps({**letter.summary(), "original": original}, indent=2))
    else:
        for member, value in letter.summary().items():
            say(f"{member:10}{'-' if value is None else value}")
        say(f"\n{letter.text}")
    return 0


def sent(target: Target, names: Sequence[str], *, everything: bool, machine: bool) -> int:
    """Give dead letters to IoT once more, and mark those that it takes as dealt with.

    They go to IoT's own handler with their place and time, and not to the topic: there they would come after
    newer events of their connection, and compaction would keep the wrong one. Sending one twice does no harm.

    :returns: 1 when some still cannot be read, else 0.
    :raises Failure: no such dead letter, or IoT cannot take any now.
    """
    token = proof(target, "iot")
    broker = Broker(target)
    letters = _open(broker)
    chosen = iter(letters if everything else _chosen(letters, names))
    results: list[dict[str, Any]] = []
    with Link(target, "IoT", "service/iot", 3008) as iot:
        while some := list(islice(chosen, PORTION)):
            results += _dealt_with(broker, iot, token, some)
    unreadable = [one for one in results if not one["taken"]]
    if machine:
        say(json.dumps(results, indent=2))
    else:
        for one in results:
            say(f"{one['id']}  {'taken' if one['taken'] else 'still unreadable: ' + one['reason']}")
        say(f"{len(results) - len(unreadable)} taken, {len(unreadable)} still unreadable.")
    return 1 if unreadable else 0


def discarded(target: Target, names: Sequence[str], *, machine: bool) -> int:
    """Mark dead letters as dealt with, unsent.

    A rebuild puts them aside again, if the originals are still on their topic.

    :raises Failure: no such dead letter.
    """
    broker = Broker(target)
    chosen = _chosen(_open(broker), names)
    broker.write(DEAD_LETTERS, [(one.id, None) for one in chosen])
    if machine:
        say(json.dumps([one.id for one in chosen]))
    else:
        say(f"Discarded: {', '.join(one.id for one in chosen)}.")
    return 0


def bulk_of(letter: DeadLetter) -> bytes:
    """Return the request with which the sidecar would deliver the original, alone."""
    entry = {
        "entryId": letter.id,
        "event": base64.b64encode(letter.original).decode(),
        "contentType": "application/octet-stream",
        "metadata": letter.metadata(),
    }
    return json.dumps({"id": letter.id, "topic": letter.topic, "entries": [entry]}).encode()


def refusal_in(answer: object) -> str | None:
    """Return why IoT did not take the one entry of a bulk request, None when it did.

    :raises Failure: it cannot store anything now, or the answer is not one of a bulk request.
    """
    match answer:
        case {"statuses": [{"status": "SUCCESS"} as one]} if not one.get("reason"):
            return None
        case {"statuses": [{"status": "SUCCESS" | "DROP", **more}]}:
            return str(more.get("reason") or "IoT cannot read it; its log says why")
        case {"statuses": [{"status": "RETRY", **more}]}:
            why = more.get("reason") or "its state store is away"
            raise Failure(f"IoT cannot take anything now: {why}", "Nothing is lost: send again when it can")
    raise Failure(f"IoT's answer is not understood: {json.dumps(answer)[:200]}", "Deploy the IoT of this checkout")


def _dealt_with(
    broker: Broker, iot: Link, token: Mapping[str, str], letters: Iterable[DeadLetter]
) -> list[dict[str, Any]]:
    taken: list[tuple[str, None]] = []
    results = []
    try:
        for letter in letters:
            reason = refusal_in(_delivered(iot, token, letter))
            results.append({"id": letter.id, "taken": reason is None, "reason": reason})
            if reason is None:
                taken.append((letter.id, None))
    finally:
        # Also what was taken before a failure.
        if taken:
            broker.write(DEAD_LETTERS, taken)
    return results


def _delivered(iot: Link, token: Mapping[str, str], letter: DeadLetter) -> object:
    reply = iot.post("/mandates", bulk_of(letter), token)
    try:
        if reply.status == 200:
            return reply.json()
    except ValueError:
        pass
    raise iot.refusal(reply)


def _open(broker: Broker) -> list[DeadLetter]:
    ends = broker.ends(DEAD_LETTERS)
    return [] if broker.is_empty(DEAD_LETTERS, ends) else broker.read(DEAD_LETTERS, open_letters, ends)


def _chosen(letters: Sequence[DeadLetter], names: Sequence[str]) -> list[DeadLetter]:
    known = {one.id: one for one in letters}
    if unknown := [name for name in names if name not in known]:
        raise Failure(f"there is no open dead letter {unknown[0]}", "scripts/redrive list shows those that there are")
    return [known[name] for name in names]
