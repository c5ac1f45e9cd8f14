"""`scripts/rebuild`: fill a new read model from the topic, and let IoT answer from it, without a gap.

Where it stands is read from the cluster each time, never from a file of its own. So each step can be
repeated, and whoever is interrupted runs it again.
"""

import time

from cluster.failure import Failure
from cluster.target import Target
from offline.progress import say, step
from operate import release
from operate.broker import Broker
from operate.compare import compare
from operate.follow import follow
from operate.loss import refuse_loss
from operate.readmodel import REBUILD, Reader, ReadModel, live, reader
from operate.store import STORES, store_of

PAUSE = 1.0


def rebuild(target: Target, store: str | None = None, *, back: bool = False, accept_loss: bool = False) -> None:
    """Fill the other read model, compare it with the one in use, and switch to it; go on where a run was interrupted.

    :param store: the state component to keep it in; None: that of the rebuild under way, or the one in use.
    :param back: do not begin a new one, but bring up to date, and switch to, the one that is kept.
    :param accept_loss: also when the topic lacks connections that are known.
    :raises Failure: a step cannot be done. IoT then answers as before; the sentence says how to go on.
    """
    if store:
        store_of(store)
    release.mend(target)
    broker = Broker(target)
    answering, filling = live(target), reader(target, REBUILD)
    if filling and filling.read_model == answering.read_model:
        say(f"  going on: {answering.read_model} answers already, what filled it is still there")
        _finish(target, broker, answering.read_model)
        return
    wanted = _wanted(target, broker, answering, filling, store, back)
    say(f"  from {answering.read_model} to {wanted}")
    if not accept_loss:
        refuse_loss(target, broker, answering.read_model)
    store_of(wanted.store).ensure(target)
    with step(f"start a reader beside it, {REBUILD}"):
        release.install_rebuild(target, answering, wanted)
    follow(broker, wanted.app_id)
    agreed = compare(target, broker, answering.read_model, wanted)
    # Records may have gone since the first look: what the new one does not know, the topic must have.
    if not (agreed or accept_loss):
        refuse_loss(target, broker, answering.read_model)
    _finish(target, broker, wanted)


def forget(target: Target) -> None:
    """Drop the read model that is not in use: a rebuild that was given up, its consumer group, its keys.

    A store that is then in no use is no longer declared: its absence would keep sidecars from starting.

    :raises Failure: a step cannot be done. Running it again goes on.
    """
    release.mend(target)
    broker = Broker(target)
    answering = live(target).read_model
    other = answering.beside(answering.store).app_id
    if reader(target, REBUILD):
        with step(f"take {REBUILD} away"):
            release.uninstall(target)
    # The group first: what then remains of an interrupted run is read anew, and not half of it taken for the whole.
    if other in broker.groups():
        with step(f"delete consumer group {other}"):
            _delete_group(broker, other)
    for store in STORES.values():
        if store.is_there(target):
            with step(f"delete what {other} keeps in {store.component}"):
                store.forget(target, other)
        if store.component != answering.store and store.is_declared(target):
            with step(f"take component {store.component} away, which nothing uses"):
                store.undeclare(target)
    say(f"Forgotten. IoT answers from {answering}.")


def _wanted(
    target: Target, broker: Broker, answering: Reader, filling: Reader | None, store: str | None, back: bool
) -> ReadModel:
    """Return the read model to fill.

    :raises Failure: another one is in the way, or there is none to go back to.
    """
    if filling:
        if store not in (None, filling.read_model.store):
            raise Failure(
                f"a rebuild into {filling.read_model.store} is under way",
                "Go on with it (scripts/rebuild), or give it up (scripts/rebuild --forget)",
            )
        say("  going on with the rebuild that is under way")
        return filling.read_model
    other = answering.read_model.beside(store or answering.read_model.store)
    keys = {
        one.component: count
        for one in STORES.values()
        if one.is_there(target) and (count := len(one.keys(target, other.app_id)))
    }
    if back:
        if len(keys) != 1:
            held = " and ".join(keys) or "no store"
            raise Failure(
                f"there is no read model to go back to: {held} keeps one of {other.app_id}",
                "scripts/rebuild makes one, --forget drops what is left over",
            )
        return ReadModel(other.app_id, *keys)
    found = [f"{count:,} keys in {component}" for component, count in keys.items()]
    if other.app_id in broker.groups():
        found.append("its consumer group")
    if found:
        raise Failure(
            f"the read model before this one is still there: {other.app_id}, {' and '.join(found)}",
            "Drop it with scripts/rebuild --forget, or switch back to it with scripts/rebuild --back",
        )
    return other


def _finish(target: Target, broker: Broker, used: ReadModel) -> None:
    # Also where an interrupted run has made the switch: helm may not have noted it.
    with step(f"let IoT answer from {used}"):
        release.switch(target, live(target), used)
    if release.keep(used):
        say("  written to charts/iot/values.yaml, so that the next deployment keeps it: commit it")
    with step(f"take {REBUILD} away"):
        release.uninstall(target)
    follow(broker, used.app_id)
    say(f"Done. IoT answers from {used}. The read model before it is kept, as it was:")
    say("  scripts/rebuild --back     switches back to it")
    say("  scripts/rebuild --forget   drops it")


def _delete_group(broker: Broker, group: str) -> None:
    """Delete a group when its last member, of a pod that has just gone, has been missed for long enough."""
    until = time.monotonic() + 60
    while (why := broker.delete_group(group)) is not None:
        if group not in broker.groups():
            return
        if time.monotonic() > until:
            raise Failure(f"consumer group {group} cannot be deleted: {why}", "End what reads in it, and run it again")
        time.sleep(PAUSE)
