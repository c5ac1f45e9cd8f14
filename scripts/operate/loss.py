"""What a rebuild would lose: connections that are known, and that the topic lacks."""

from collections.abc import Collection

from cluster.failure import Failure
from cluster.target import Target
from offline.progress import say, step
from operate.broker import TOPIC, Broker
from operate.connection import connections_of, is_id
from operate.customers import holders
from operate.event import newest
from operate.link import Link
from operate.readmodel import ReadModel
from operate.store import store_of


def refuse_loss(target: Target, broker: Broker, old: ReadModel) -> None:
    """Look whether the topic has all that is known.

    The keys of the read model in use are the measure; those that CRM's customers hold, where they cannot be
    listed.

    :raises Failure: it lacks something, or is empty.
    """
    with step("look whether the topic has all that is known"):
        # Before the topic, so that what is new on it in the meantime is no loss.
        keys = _keys(target, old)
        held = _held(target) if keys is None else set()
        told = broker.read(TOPIC, newest)
        known = held if keys is None else connections_of(keys, told)
        # An id that was taken once and is none by now nobody can ask for any more.
        lost = set(filter(is_id, known - told.keys()))
    if not told:
        raise _refused("the topic is empty")
    if lost:
        raise _refused(f"the topic lacks {len(lost):,} connections that are known, such as {_some(lost)}")


def _keys(target: Target, old: ReadModel) -> list[str] | None:
    try:
        return store_of(old.store).keys(target, old.app_id)
    except Failure as away:
        say(f"  ! {old} cannot be listed, so CRM is asked: {away}")
        return None


def _held(target: Target) -> set[str]:
    try:
        with Link(target, "CRM", "service/crm", 3005) as crm:
            return set(holders(crm))
    except Failure as away:
        say(f"  ! nor does CRM say what it holds: {away}")
        return set()


def _refused(why: str) -> Failure:
    return Failure(
        f"{why}: a new read model would not know them, so nothing was switched",
        "Let CRM tell them again (scripts/announce), and then run this again; or let them be forgotten "
        "(scripts/rebuild --accept-loss)",
    )


def _some(lost: Collection[str]) -> str:
    return ", ".join(sorted(lost)[:5])
