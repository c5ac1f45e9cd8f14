"""`scripts/mandates up|down|env|dev|clean`: the commands behind the Makefile."""

import argparse
import os
import shlex
import sys
import time
from contextlib import redirect_stdout
from dataclasses import replace

from cluster import engine, node, services
from cluster.check import STAGES, check
from cluster.clean import clean
from cluster.failure import Failure
from cluster.host import port_taken
from cluster.lock import lock
from cluster.target import Target, developer
from cluster.up import PORTS, hints, up
from cluster.way import in_use
from offline.process import end_on_interrupt
from offline.progress import say, step
from offline.versions import ROOT


def _up(target: Target) -> None:
    started = time.monotonic()
    ready = up(target)
    body = services.answer(ready)
    hints(ready, body)
    say(f"{time.monotonic() - started:.0f} s")


def _down(target: Target) -> None:
    way = in_use(target)
    if way:
        way.bring_tools()
    with step(f"delete cluster {target.name}"):
        node.delete(replace(target, env=way.env if way else {}))
    engine.stop_service()
    say("Down. What was fetched and built is kept, and make up takes minutes. Remove that too: make clean")


def _env(target: Target) -> None:
    # Standard output is for the shell that evaluates it.
    with redirect_stdout(sys.stderr):
        way = in_use(target)
        if way is None:
            raise Failure(f"there is no cluster {target.name}", "Run make up, or name another one: CLUSTER=name")
        way.bring_tools()
        if way.engine == "podman":
            engine.start_service(way.env)
    for name, value in way.env.items():
        if name != "PATH":
            print(f"export {name}={shlex.quote(value)}")
    if way.path:
        print(f'export PATH={shlex.quote(os.pathsep.join(map(str, way.path)))}:"$PATH"')


def _dev(target: Target) -> None:
    taken = [port for port in PORTS.values() if port_taken(port)]
    if taken:
        raise Failure(
            f"port {' and '.join(map(str, taken))} of this machine is taken, and make dev forwards it",
            "End what listens there (a kubectl port-forward?) and run it again",
        )
    ready = up(target)
    say("Skaffold watches the services: an edit is built and deployed. End with Ctrl-C; the cluster stays.")
    words = ["dev", "--filename", str(ROOT / "skaffold.yaml"), "--kube-context", ready.context]
    os.execvpe("skaffold", ["skaffold", *words, "--cleanup=false"], ready.environment)  # noqa: S606  no shell wanted


def _lock(_: Target) -> None:
    lock()
    say("Locked. Next: make test")


def _clean(target: Target) -> None:
    clean(target)


COMMANDS = {
    "up": (_up, "bring the cluster up, with CRM and IoT running on it"),
    "down": (_down, "delete the cluster"),
    "env": (_env, "print the variables with which a shell uses this project's tools"),
    "dev": (_dev, "bring it up, then rebuild and deploy at each edit of a service"),
    "lock": (_lock, "write the lock files anew"),
    "clean": (_clean, "delete the cluster and all that was built"),
}


def main() -> int:
    """Run one command. Exit codes: 0 done, 1 failed with the reason told, 2 not a command, 130 interrupted."""
    parser = argparse.ArgumentParser(prog="mandates", description="The cluster of Mandates.")
    verbs = parser.add_subparsers(dest="command", required=True)
    for name, (_, text) in COMMANDS.items():
        verbs.add_parser(name, help=text, description=text)
    text = "run the checks: lint, unit and e2e, or those that are named"
    verbs.add_parser("check", help=text, description=text).add_argument("stage", nargs="*", choices=[[], *STAGES])
    arguments = parser.parse_args()
    command = arguments.command
    end_on_interrupt()
    try:
        if command == "check":
            check(arguments.stage)
        else:
            COMMANDS[command][0](developer())
    except Failure as failure:
        print(f"\nmandates {command}: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"\nmandates {command}: interrupted. What is done is kept: run it again to go on.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
