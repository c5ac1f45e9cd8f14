"""Asking IoT for very many connections."""

from collections.abc import Iterable, Iterator
from functools import partial
from urllib.parse import quote

from operate.aside import Aside
from operate.connection import is_id
from operate.link import Link

# Connections of one question, and characters of its path: servers bound the head of a request.
AT_ONCE = 200
LONGEST = 30_000
# Questions under way.
WORKERS = 4

Answers = dict[str, str | None]
"""Connection -> level, or None where none is known."""


def answers(iot: Link, connections: Iterable[str]) -> Answers:
    """Ask the IoT Platform. What it takes for no id is not known to it.

    :raises Failure: it does not answer, or with something else than mandates.
    """
    wanted = dict.fromkeys(connections)
    found: Answers = dict(wanted)
    questions = list(_questions(filter(is_id, wanted)))
    workers = [Aside(partial(_ask_all, iot, questions[one::WORKERS])) for one in range(WORKERS)]
    for worker in workers:
        found |= worker.result()
    return found


def _ask_all(iot: Link, paths: Iterable[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for path in paths:
        found |= _ask(iot, path)
    return found


def _ask(iot: Link, path: str) -> dict[str, str]:
    reply = iot.get(path)
    try:
        if reply.status == 200:
            return {one["connectionId"]: one["connectionMandate"] for one in reply.json()}
    except (ValueError, KeyError, TypeError):
        pass
    raise iot.refusal(reply)


def _questions(connections: Iterable[str]) -> Iterator[str]:
    some: list[str] = []
    length = 0
    for connection in connections:
        asked = f"connectionId={quote(connection, safe='')}"
        if some and (len(some) == AT_ONCE or length + len(asked) > LONGEST):
            yield f"/connections?{'&'.join(some)}"
            some, length = [], 0
        some.append(asked)
        length += len(asked) + 1
    if some:
        yield f"/connections?{'&'.join(some)}"
