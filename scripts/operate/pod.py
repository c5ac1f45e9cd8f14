"""Programs that run in a pod, through `kubectl exec`."""

import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from cluster.command import errors_in
from cluster.failure import Failure
from cluster.target import Target

# How often a command is given at most, on a machine that is too busy for it or a link that breaks.
TRIES = 3
PAUSE = 1.0
# Seconds in which all lines of a command have come.
LONGEST = 600.0


def words_in(target: Target, pod: str, *command: str) -> list[str]:
    """Return the words that run a command in a pod's default container, with standard input."""
    return target.words("exec", "--stdin", "--quiet", pod, "--", *command)


def run_in(target: Target, pod: str, *command: str, stdin: str = "", timeout: float = 300) -> str:
    """Run a command in a pod to its end and return what it prints.

    :param timeout: seconds it may take.
    :raises Failure: there is no such pod, or the command does not end with 0 in time; its last lines are told.
    """
    words = words_in(target, pod, *command)
    try:
        done = subprocess.run(
            words, env=target.environment, input=stdin, capture_output=True, text=True, timeout=timeout, check=False
        )
    except subprocess.TimeoutExpired as late:
        raise Failure(f"{command[0]} in pod {pod} took more than {timeout:.0f} s", "Look at the pod") from late
    if done.returncode != 0:
        told = "\n    ".join(errors_in(done.stderr.strip() or done.stdout, at_most=4))
        raise Failure(f"{command[0]} in pod {pod} ended with {done.returncode}:\n    {told}", "Look at the pod")
    return done.stdout


def ask_in(target: Target, pod: str, *command: str) -> str:
    """Run a command that may be repeated, once more when it fails.

    :raises Failure: it fails each time, as with `run_in`.
    """
    for _ in range(TRIES - 1):
        try:
            return run_in(target, pod, *command)
        except Failure:
            time.sleep(PAUSE)
    return run_in(target, pod, *command)


@contextmanager
def lines_of(target: Target, pod: str, command: str, longest: float = LONGEST) -> Iterator[Iterator[bytes]]:
    """Run a command of sh in a pod for the length of a block, which reads its lines and may stop early.

    It has so many seconds for all of them. The end of our standard input ends the command too: else it would go on
    in the pod when kubectl has gone.
    """
    # The second cat gathers what is written record by record: each write is a message of its own on its way here.
    ended_with_us = (
        f"exec 3<&0; way=$(mktemp -u) && mkfifo $way; {command} >$way & job=$!; cat <$way & told=$!; "
        "(cat; kill $job) <&3 >/dev/null 2>&1 & wait $told; rm $way"
    )
    with subprocess.Popen(
        words_in(target, pod, "sh", "-c", ended_with_us),
        env=target.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdin  # noqa: S101  for the type checker: it is a pipe
        assert process.stdout  # noqa: S101
        # A link that is broken in silence would be waited for without end.
        late = threading.Timer(longest, process.kill)
        late.daemon = True
        late.start()
        try:
            yield iter(process.stdout)
        finally:
            process.stdin.close()
            for _ in process.stdout:
                pass
            late.cancel()
