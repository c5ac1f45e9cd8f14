"""Random changes from many clients at once, and the events that they must lead to."""

import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import httpx

from parts.contract import validate
from parts.process import until
from parts.topic import Record, histories

CLIENT_TIMEOUT = 20.0
"""Seconds after which a client takes its request for lost."""

PACE = 0.01
"""Seconds between two changes of a client that goes on until told otherwise: what is tested is order,
and a machine with other work to do should get to it."""

Work = Callable[[int, httpx.Client], None]
"""What the client with this number does."""


class Changes:
    """Customers of one connection each, changed at random by clients that share them out among themselves.

    `told` has the levels that the topic must have by connection, in this order, for what was
    accepted. A client whose request is not answered asks, as soon as someone answers, what became of
    it, and goes on there. Whatever is answered but not accepted is in `refused`.
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
        self._names = [f"{prefix}-{number}" for number in range(connections)]
        self._clients = clients
        self._pace = pace
        self._customers: dict[str, tuple[str, str, str]] = {}  # by name: customer id, connection, mandate
        self._lock = threading.Lock()
        self._enough = threading.Event()
        self._each(self._create)

    def make(self, changes: int) -> None:
        """Make so many changes and wait until all were accepted."""
        self._each(lambda index, http: self._change(index, http, changes // self._clients))

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """Changes without a pause for the length of a block; then waits for the last of them."""
        self._enough.clear()
        with ThreadPoolExecutor(1) as background:
            work: Future[None] = background.submit(self._each, lambda index, http: self._change(index, http, None))
            try:
                yield
            finally:
                self._enough.set()
            work.result()

    def last_levels(self) -> dict[str, str]:
        """What CRM now says of each connection."""
        return {connection: levels[-1] for connection, levels in self.told.items()}

    def compare(self, found: Sequence[Record]) -> None:
        """Compare with the records of the topic. AssertionError unless they are as promised.

        Nothing was refused and nothing is lost, nothing is too much, no connection's events are out of
        order, those that came twice are the same, and each is what docs/asyncapi.yaml says.
        """
        if self.refused:
            raise AssertionError(f"{len(self.refused)} were refused, the first: {self.refused[0]}")
        told = histories(found)
        wrong = [key for key in {*told, *self.told} if told.get(key) != self.told.get(key)]
        if wrong:
            one = wrong[0]
            raise AssertionError(f"{len(wrong)} connections differ; {one}: {told.get(one)}, not {self.told.get(one)}")
        for record in found:
            validate(record.value)

    def confirm(self, url: str) -> None:
        """Compare with what CRM itself has. AssertionError when it is something else."""
        with httpx.Client(base_url=url, timeout=CLIENT_TIMEOUT) as http:
            for customer_id, connection, mandate in self._customers.values():
                if (stored := self._stored(http, customer_id)) != (connection, mandate):
                    raise AssertionError(f"customer {customer_id} has {stored}, told was {connection}, {mandate}")

    def _each(self, work: Work) -> None:
        with ThreadPoolExecutor(self._clients) as pool:
            for done in [pool.submit(self._as_client, index, work) for index in range(self._clients)]:
                done.result()

    def _as_client(self, index: int, work: Work) -> None:
        with httpx.Client(base_url=self._urls[index % len(self._urls)], timeout=CLIENT_TIMEOUT) as http:
            work(index, http)

    def _create(self, index: int, http: httpx.Client) -> None:
        for name in self._names[index :: self._clients]:
            answer = http.post("/customers", json=_body(name, "1")).raise_for_status()
            with self._lock:
                self._customers[name] = answer.json()["customerId"], name, "1"
                self.told[name].append("1")

    def _change(self, index: int, http: httpx.Client, changes: int | None) -> None:
        names = self._names[index :: self._clients]
        made = 0
        while made != changes and not (changes is None and self._enough.wait(self._pace)):
            name = random.choice(names)  # noqa: S311  no secret
            customer_id, connection, mandate = self._customers[name]
            wanted = self._wish(name, connection)
            if self._accepted(http, customer_id, wanted):
                made += 1
                with self._lock:
                    self.accepted += 1
                    self._customers[name] = customer_id, *wanted
                    for told, level in _events((connection, mandate), wanted):
                        self.told[told].append(level)

    @staticmethod
    def _wish(name: str, connection: str) -> tuple[str, str]:
        other = name if connection != name else f"{name}-moved"
        return (
            other if random.random() < 0.1 else connection,  # noqa: S311  no secret
            random.choice("012"),  # noqa: S311  no secret
        )

    def _accepted(self, http: httpx.Client, customer_id: str, wanted: tuple[str, str]) -> bool:
        begun = time.monotonic()
        try:
            answer = http.post(f"/customers/{customer_id}", json=_body(*wanted))
        except httpx.TransportError:
            http.base_url, stored = self._became(customer_id)
            return stored == wanted
        with self._lock:
            self.slowest = max(self.slowest, time.monotonic() - begun)
            if not answer.is_success:
                self.refused.append(f"{answer.status_code} {answer.text}")
        return answer.is_success

    def _became(self, customer_id: str) -> tuple[httpx.URL, tuple[str, str]]:
        """Who answers, and what has become of a customer whose change got no answer."""
        with self._lock:
            self.unanswered += 1

        def look() -> tuple[httpx.URL, tuple[str, str]] | None:
            for url in self._urls:
                try:
                    with httpx.Client(base_url=url, timeout=2) as http:
                        return http.base_url, self._stored(http, customer_id)
                except (httpx.TransportError, httpx.HTTPStatusError):
                    continue
            return None

        found = until(look, f"somebody says what became of customer {customer_id}", 120)
        if found is None:
            raise AssertionError("`until` returns what is truthy")
        return found

    @staticmethod
    def _stored(http: httpx.Client, customer_id: str) -> tuple[str, str]:
        found = http.get(f"/customers/{customer_id}").raise_for_status().json()
        return found["connectionId"], found["connectionMandate"]


def _body(connection: str, mandate: str) -> dict[str, str]:
    return {"firstName": "Noor", "city": "Delft", "connectionId": connection, "connectionMandate": mandate}


def _events(before: tuple[str, str], now: tuple[str, str]) -> list[tuple[str, str]]:
    """The rule, for connections that one customer alone may hold."""
    if before[0] != now[0]:
        return [(before[0], "0"), now]
    return [now] if before[1] != now[1] else []
