"""Asking IoT for very many connections."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

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
    with ThreadPoolExecutor(WORKERS) as pool:
        for some in pool.map(lambda path: _ask(iot, path), _questions(filter(is_id, wanted))):
            found |= some
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
