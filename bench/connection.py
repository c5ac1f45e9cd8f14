"""One HTTP connection that is kept: it costs those who are measured as little as can be.

Not http.client's: with that, all that is measured shares its cores with a reader of mail headers.
"""

import socket
from typing import Self

from httptools import HttpResponseParser

SUCCESS = range(200, 300)
_CHUNK = 64 * 1024


class Connection:
    """As a context: a connection to a server, of this machine if no other is named."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self._socket = socket.create_connection((host, port), timeout=30)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def get(self, path: str) -> bytes:
        """What is answered to GET, also when that is no success."""
        return self._ask("GET", path)[1]

    def post(self, path: str, body: bytes) -> bytes:
        """What is answered to POST of a JSON body. AssertionError when that is no success."""
        status, said = self._ask("POST", path, body)
        if status not in SUCCESS:
            raise AssertionError(f"POST {path}: {status} {said[:500]!r}")
        return said

    def metric(self, sample: str) -> float:
        """The value of a metric, by name and labels as they are written; 0 when it is not there."""
        for line in self.get("/metrics").decode().splitlines():
            name, _, value = line.rpartition(" ")
            if name == sample:
                return float(value)
        return 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def _ask(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        self._socket.sendall(request(method, path, body))
        answer = Answer()
        parser = HttpResponseParser(answer)
        while not answer.whole:
            data = self._socket.recv(_CHUNK)
            if not data:
                raise AssertionError(f"{method} {path}: the connection ended before the answer did")
            parser.feed_data(data)
        return parser.get_status_code(), answer.content


def request(method: str, path: str, body: bytes = b"") -> bytes:
    """A request as it is sent; a body is JSON."""
    kind = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
    return f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{kind}\r\n".encode() + body


class Answer:
    """An answer that is coming; its methods are what the parser calls."""

    def __init__(self) -> None:
        self.content = b""
        self.whole = False

    def on_body(self, body: bytes) -> None:
        """More of it came."""
        self.content += body

    def on_message_complete(self) -> None:
        """The last of it came."""
        self.whole = True
