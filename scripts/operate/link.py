"""HTTP to a service of the cluster, through a port-forward that is made anew when it breaks."""

import json
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack
from http.client import HTTPConnection, HTTPException
from types import TracebackType
from typing import Any, NamedTuple, Self

from cluster.failure import Failure
from cluster.services import forwarded
from cluster.target import Target

# Seconds in which a service that is away, or says that it cannot answer now, must have come back.
PATIENCE = 120.0
# Seconds until a request is sent again, where the service does not say it, and the longest that it is let say.
PAUSE = 1.0
LONGEST_PAUSE = 15.0
_TIMEOUT = 60.0
_AGAIN = (429, 503)


class Reply(NamedTuple):
    """What a service answers. Names of headers are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the document in the body.

        :raises ValueError: there is none.
        """
        return json.loads(self.body)

    def text(self) -> str:
        """Return the beginning of the body, for people."""
        return self.body.decode(errors="replace").strip()[:200]


class Link:
    """A service behind a port-forward, for the length of a block. Several threads may ask, each over its connection.

    A proxy that the environment names is not asked.

    :param name: of the service, for people.
    :param resource: kubectl's name of what to forward to.
    :param port: of that.
    :raises Failure: kubectl cannot forward.
    """

    def __init__(self, target: Target, name: str, resource: str, port: int) -> None:
        self.name = name
        self._forward = (target, resource, port)
        self._stack = ExitStack()
        self._connections: list[HTTPConnection] = []
        self._lock = threading.Lock()
        self._port = 0
        self._made = 0
        self._closed = False
        self._local = threading.local()

    def __enter__(self) -> Self:
        until = time.monotonic() + PATIENCE
        while True:
            try:
                self._port = self._stack.enter_context(forwarded(*self._forward))
                return self
            except Failure:  # its pod may just be replaced
                if time.monotonic() + PAUSE > until:
                    raise
            time.sleep(PAUSE)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._closed = True
            for one in self._connections:
                one.close()
            self._stack.close()

    def get(self, path: str) -> Reply:
        """Ask, and ask again while the service is away or says that it is.

        :raises Failure: it did not come back in time.
        """
        return self._ask("GET", path, None, {})

    def post(self, path: str, document: bytes, headers: Mapping[str, str]) -> Reply:
        """Send a JSON document, once more when the answer did not come: so only what may arrive twice.

        :raises Failure: as `get`.
        """
        return self._ask("POST", path, document, {**headers, "Content-Type": "application/json"})

    def refusal(self, reply: Reply) -> Failure:
        """Return what to say of an answer that was not expected."""
        deployment = self._forward[1].partition("/")[2]
        return Failure(
            f"{self.name} answers {reply.status}: {reply.text()}", f"Look at kubectl logs deploy/{deployment}"
        )

    def _ask(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Reply:
        until = time.monotonic() + PATIENCE
        broken = 0
        while True:
            made, pause, broke = self._made, PAUSE, False
            try:
                reply = self._once(method, path, body, headers)
                if reply.status not in _AGAIN:
                    return reply
                failure = self.refusal(reply)
                pause = _pause(reply)
            except (OSError, HTTPException) as error:
                failure = Failure(f"{self.name} does not answer: {error}", "Look at kubectl get pods, and run it again")
                # The first time it may be this connection alone, which the service has closed.
                broken, broke = broken + 1, True
                if broken == 1:
                    continue
            if self._closed or time.monotonic() + pause > until:
                raise failure
            time.sleep(pause)
            if broke:
                self._renew(made)

    def _once(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Reply:
        """Over the connection of this thread. A broken one is closed."""
        made, connection = getattr(self._local, "kept", (-1, None))
        if connection is None or made != self._made:
            connection = HTTPConnection("127.0.0.1", self._port, timeout=_TIMEOUT)
            self._local.kept = self._made, connection
            self._connections.append(connection)
        try:
            connection.request(method, path, body, dict(headers))
            with connection.getresponse() as reply:
                named = {name.lower(): value for name, value in reply.getheaders()}
                return Reply(reply.status, named, reply.read())
        except (OSError, HTTPException):
            connection.close()
            raise

    def _renew(self, made: int) -> None:
        """Forward anew, unless another thread has done it since."""
        with self._lock:
            if self._closed or made != self._made:
                return
            self._stack.close()
            try:
                self._port = self._stack.enter_context(forwarded(*self._forward))
            except Failure:
                return  # it is not there yet: the next question finds the old port closed, and tries again
            self._made += 1


def _pause(reply: Reply) -> float:
    asked = reply.headers.get("retry-after", "")
    return min(float(asked), LONGEST_PAUSE) if asked.isascii() and asked.isdigit() else PAUSE
