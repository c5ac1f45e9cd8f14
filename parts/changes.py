"""Random changes from many clients at once, and the events that they must lead to."""

import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import groupby

from parts.client import BrokenOffError, Client, NoAnswerError, RefusedError, State
from parts.contract import validate
from parts.topic import Record, histories

PACE = 0.01
"""Seconds between two changes of a client that goes on until told otherwise: what is tested is order,
and a machine with other work to do should get to it."""

Work = Callable[[int, Client], None]
"""What the client with this number does."""


class Changes:
    """Customers of one connection each, changed at random by clients that share them out among themselves.

    `told` has the levels that the topic must have by connection, in this order, for what was
    accepted. A client whose connection breaks asks, as soon as someone answers, what became of its
    request, and goes on there. One that waits in vain may have been accepted or may be later, when
    who was asked wakes up: that customer is let alone. What is answered but not accepted is `refused`.
    """

    def __init__(
        self, urls: Sequence[str], *, connections: int, clients: int, prefix: str = "c", pace: float = PACE
    ) -> None:
        """`urls` are CRM's replicas, among which the clients are shared out; `prefix` begins each connection id."""
        self.told: defaultdict[str, list[str]] = defaultdict(list)
        self.refused: list[str] = []
        self.unanswered = 0
        self.slowest = 0.0
        self.accepted = 0
        self._urls = urls
        self._doubtful: set[str] = set()
        self._names = [f"{prefix}-{number}" for number in range(connections)]
        self._clients = clients
        self._pace = pace
        self._ids: dict[str, str] = {}
        self._states: dict[str, State] = {}
        self._lock = threading.Lock()
        self._enough = threading.Event()
        self._each(self._create)

    def make(self, changes: int) -> None:
        """Make so many changes and wait until all were accepted."""
        self._each(lambda index, client: self._change(index, client, changes // self._clients))

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """Changes without a pause for the length of a block; then waits for the last of them."""
        self._enough.clear()
        with ThreadPoolExecutor(1) as background:
            work: Future[None] = background.submit(self._each, lambda index, client: self._change(index, client, None))
            try:
                yield
            finally:
                self._enough.set()
            work.result()

    def last_levels(self) -> dict[str, str]:
        """What CRM now says of each connection; of doubtful customers only the connection that they have now."""
        levels = {key: levels[-1] for key, levels in self.told.items() if key not in self._of_doubtful()}
        with Client(self._urls, 0) as client:
            return levels | dict(client.state(self._ids[name]) for name in self._doubtful)

    def compare(self, found: Sequence[Record], *, again: bool = False) -> None:
        """Compare with the records of the topic. AssertionError unless they are as promised.

        Nothing was refused and nothing is lost, nothing is too much, no connection's events are out of
        order, those that came twice are the same, and each is what docs/asyncapi.yaml says. Where levels may have
        been told `again`, one after itself is not too much.
        """
        if self.refused:
            raise AssertionError(f"{len(self.refused)} were refused, the first: {self.refused[0]}")
        told: Mapping[str, list[str]] = histories(found)
        known: Mapping[str, list[str]] = self.told
        certain = {*told, *known} - self._of_doubtful()
        if again:
            told, known = _without_repeats(told), _without_repeats(known)
        wrong = [key for key in certain if told.get(key) != known.get(key)]
        if wrong:
            one = wrong[0]
            raise AssertionError(f"{len(wrong)} connections differ; {one}: {told.get(one)}, not {known.get(one)}")
        for record in found:
            validate(record.value)

    def confirm(self, url: str) -> None:
        """Compare with what CRM itself has. AssertionError when it is something else."""
        with Client([url], 0) as client:
            for name in self._states.keys() - self._doubtful:
                if (state := client.state(self._ids[name])) != self._states[name]:
                    raise AssertionError(f"customer {self._ids[name]} has {state}, told was {self._states[name]}")

    def _of_doubtful(self) -> set[str]:
        return self._doubtful | {_elsewhere(name) for name in self._doubtful}

    def _each(self, work: Work) -> None:
        with ThreadPoolExecutor(self._clients) as pool:
            for done in [pool.submit(self._as_client, index, work) for index in range(self._clients)]:
                done.result()

    def _as_client(self, index: int, work: Work) -> None:
        with Client(self._urls, index) as client:
            work(index, client)

    def _create(self, index: int, client: Client) -> None:
        for name in self._names[index :: self._clients]:
            id_ = client.create(name, "1")
            with self._lock:
                self._ids[name], self._states[name] = id_, (name, "1")
                self.told[name].append("1")

    def _change(self, index: int, client: Client, changes: int | None) -> None:
        names = self._names[index :: self._clients]
        made = 0
        while made != changes and not (changes is None and self._enough.wait(self._pace)):
            name = random.choice([name for name in names if name not in self._doubtful])  # noqa: S311  no secret
            before = self._states[name]
            wanted = _wish(name, before[0])
            if self._accepted(client, name, wanted):
                made += 1
                with self._lock:
                    self.accepted += 1
                    self._states[name] = wanted
                    for connection, level in _events(before, wanted):
                        self.told[connection].append(level)

    def _accepted(self, client: Client, name: str, wanted: State) -> bool:
        begun = time.monotonic()
        try:
            client.change(self._ids[name], wanted)
        except RefusedError as error:
            with self._lock:
                self.refused.append(str(error))
            return False
        except (BrokenOffError, NoAnswerError) as error:
            with self._lock:
                self.unanswered += 1
                if isinstance(error, NoAnswerError):
                    self._doubtful.add(name)
            return client.state(self._ids[name]) == wanted and name not in self._doubtful
        with self._lock:
            self.slowest = max(self.slowest, time.monotonic() - begun)
        return True


def _without_repeats(told: Mapping[str, list[str]]) -> dict[str, list[str]]:
    return {key: [level for level, _ in groupby(levels)] for key, levels in told.items()}


def _wish(name: str, connection: str) -> State:
    other = name if connection != name else _elsewhere(name)
    return (
        other if random.random() < 0.1 else connection,  # noqa: S311  no secret
        random.choice("012"),  # noqa: S311  no secret
    )


def _elsewhere(name: str) -> str:
    """The connection that the customer with this name sometimes moves to."""
    return f"{name}-moved"


def _events(before: State, now: State) -> list[State]:
    """The rule, for connections that one customer alone may hold."""
    if before[0] != now[0]:
        return [(before[0], "0"), now]
    return [now] if before[1] != now[1] else []
