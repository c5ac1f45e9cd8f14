"""`scripts/audit|announce|rebuild|redrive|topic`: the operator's verbs."""

import argparse
import sys

from cluster import node
from cluster.failure import Failure
from cluster.target import Target, developer
from cluster.way import known
from offline.process import end_on_interrupt
from operate.announce import announce
from operate.audit import audit
from operate.rebuild import forget, rebuild
from operate.redrive import discarded, one_shown, sent, shown
from operate.store import STORES
from operate.topic import topic


def parser() -> argparse.ArgumentParser:
    """Return the parser of all of them: each launcher puts its own name first."""
    whole = argparse.ArgumentParser(
        prog="scripts/", epilog="The cluster is the one that CLUSTER names, mandates by default."
    )
    verbs = whole.add_subparsers(dest="verb", required=True)

    text = "Fill a new read model from the topic, compare it with the one in use, switch. Interrupted, run it again."
    one = verbs.add_parser("rebuild", prog="scripts/rebuild", help=text, description=text)
    one.add_argument(
        "store", nargs="?", help=f"Dapr component to keep it in: {', '.join(STORES)}; default: the one in use"
    )
    which = one.add_mutually_exclusive_group()
    which.add_argument(
        "--back", action="store_true", help="switch back to the read model before, once it has caught up"
    )
    which.add_argument(
        "--forget", action="store_true", help="drop the read model that is not in use, or a rebuild under way"
    )
    one.add_argument("--accept-loss", action="store_true", help="also when the topic lacks connections that are known")

    text = (
        "List what IoT could not read, give it to IoT once more, or discard it. Exit code 1: some is still unreadable."
    )
    one = verbs.add_parser("redrive", prog="scripts/redrive", help=text, description=text)
    actions = one.add_subparsers(dest="action", required=True)
    actions.add_parser("list", help="the open dead letters")
    actions.add_parser("show", help="one of them, with the original").add_argument("id")
    send = actions.add_parser("send", help="give them to IoT once more")
    send.add_argument("ids", nargs="*", metavar="id")
    send.add_argument("--all", action="store_true", help="all that are open")
    actions.add_parser("discard", help="mark as dealt with, unsent").add_argument("ids", nargs="+", metavar="id")
    for action in actions.choices.values():
        action.add_argument("--json", action="store_true", help="for machines")

    text = (
        "Let CRM tell the level of every connection again, until it, the topic and IoT agree. Interrupted, run it "
        "again. Exit code 1: some still differ."
    )
    verbs.add_parser("announce", prog="scripts/announce", help=text, description=text)

    text = "Compare CRM, the topic and IoT. Exit code 0: none differ, 1: some do, 2: could not be compared."
    one = verbs.add_parser("audit", prog="scripts/audit", help=text, description=text)
    one.add_argument("--json", action="store_true", help="for machines")

    text = "Show what is on the topic: time, partition, offset, key, level and sequence of each record."
    one = verbs.add_parser("topic", prog="scripts/topic", help=text, description=text)
    one.add_argument("connections", nargs="*", metavar="connection", help="only what is said of these; default: all")
    one.add_argument("--follow", action="store_true", help="go on with each that comes, until Ctrl-C")
    one.add_argument("--json", action="store_true", help="for machines: an object a line")
    return whole


def main() -> int:
    """Run one verb. Exit codes: 0, 1 as the verb says, 2 it could not be done and why is told, 130 interrupted."""
    whole = parser()
    arguments = whole.parse_args()
    if arguments.verb == "redrive" and arguments.action == "send" and bool(arguments.ids) == arguments.all:
        whole.error("redrive send: name dead letters, or say --all")
    end_on_interrupt()
    try:
        return _run(arguments, _cluster())
    except Failure as failure:
        sys.stderr.write(f"\nscripts/{arguments.verb}: {failure}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write(f"\nscripts/{arguments.verb}: interrupted. What is done is kept: run it again to go on.\n")
        return 130


def _run(arguments: argparse.Namespace, target: Target) -> int:
    match arguments.verb:
        case "announce":
            return announce(target)
        case "audit":
            return audit(target, machine=arguments.json)
        case "redrive":
            return _redrive(arguments, target)
        case "topic":
            return topic(target, arguments.connections, follow=arguments.follow, machine=arguments.json)
    if arguments.forget:
        forget(target)
    else:
        rebuild(target, arguments.store, back=arguments.back, accept_loss=arguments.accept_loss)
    return 0


def _redrive(arguments: argparse.Namespace, target: Target) -> int:
    match arguments.action:
        case "list":
            return shown(target, machine=arguments.json)
        case "show":
            return one_shown(target, arguments.id, machine=arguments.json)
        case "send":
            return sent(target, arguments.ids, everything=arguments.all, machine=arguments.json)
    return discarded(target, arguments.ids, machine=arguments.json)


def _cluster() -> Target:
    """Return the cluster.

    :raises Failure: it does not answer.
    """
    target = known(developer())
    if not node.answers(target):
        raise Failure(f"cluster {target.name} does not answer", "Run make up, or name another one: CLUSTER=name")
    return target


if __name__ == "__main__":
    sys.exit(main())
