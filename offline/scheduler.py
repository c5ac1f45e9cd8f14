"""Run the steps that are missing, needed ones first, a few at a time."""

import time
from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from graphlib import TopologicalSorter

from offline import step
from offline.lock import alone
from offline.progress import say
from offline.progress import step as show
from offline.step import Step


def missing(targets: Iterable[Step]) -> dict[Step, set[Step]]:
    """Return the steps to run, each with those of them it needs.

    What is below a finished step is not looked at: its output holds all that was taken from there.
    """
    graph: dict[Step, set[Step]] = {}

    def visit(one: Step) -> bool:
        if one in graph:
            return True
        if one.done():
            return False
        graph[one] = {need for need in one.needs if visit(need)}
        return True

    for target in targets:
        visit(target)
    return graph


def build(targets: Iterable[Step], workers: int) -> None:
    """Build the targets.

    :param workers: how many steps run side by side; a compiler fills the cores alone, so two are
        enough: one that computes and one that waits for the network.
    :raises BuildError: a step failed; those under way are finished first, no new one is started.
    """
    wanted = list(targets)
    if not missing(wanted):
        return
    with alone(step.CACHE / "lock"):
        # Another run may have built some of them meanwhile.
        _build(missing(wanted), workers)


def _build(graph: dict[Step, set[Step]], workers: int) -> None:
    started = time.monotonic()
    say(f"Building {len(graph)} parts. What is built is kept: after an interruption it goes on.")
    order = TopologicalSorter(graph)
    order.prepare()

    def work(one: Step) -> Step:
        with show(one.name, one.log):
            one.run()
        return one

    running: set[Future[Step]] = set()
    ready: list[Step] = []
    with ThreadPoolExecutor(workers) as pool:
        while order.is_active():
            ready.extend(order.get_ready())
            while ready and len(running) < workers:
                running.add(pool.submit(work, ready.pop(0)))
            finished, running = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                order.done(future.result())
    say(f"Built in {time.monotonic() - started:.0f} s")
