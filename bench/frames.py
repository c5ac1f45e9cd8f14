"""When calls begin and end on a connection, by the bytes that pass: HTTP/1.1, one request at a time, and gRPC."""

from collections.abc import Iterator
from typing import NamedTuple, Protocol


class Call(NamedTuple):
    """From the first bytes of a request, as they passed, until those that answer it; seconds since 1970."""

    begun: float
    ended: float


class Reader(Protocol):
    """One connection."""

    def asked(self, data: bytes, now: float) -> None:
        """These bytes went to the server."""

    def answered(self, data: bytes, now: float) -> Iterator[Call]:
        """These came back; the calls that end with them."""


class Http:
    """Requests one after the other: a call ends with the first bytes of its answer."""

    def __init__(self) -> None:
        self._begun: float | None = None

    def asked(self, data: bytes, now: float) -> None:  # noqa: ARG002  only that there are some counts
        """See Reader."""
        self._begun = self._begun or now

    def answered(self, data: bytes, now: float) -> Iterator[Call]:  # noqa: ARG002
        """See Reader."""
        if self._begun is not None:
            yield Call(self._begun, now)
            self._begun = None


class Grpc:
    """Calls on HTTP/2 (RFC 9113): each is a stream, from its first HEADERS until those that end it."""

    _PREFACE = len(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    _HEADERS, _END_STREAM = 1, 1

    def __init__(self) -> None:
        self._to_server, self._back = _Frames(self._PREFACE), _Frames(0)
        self._begun: dict[int, float] = {}

    def asked(self, data: bytes, now: float) -> None:
        """See Reader."""
        for kind, _, stream in self._to_server.of(data):
            if kind == self._HEADERS:
                self._begun[stream] = now

    def answered(self, data: bytes, now: float) -> Iterator[Call]:
        """See Reader."""
        for kind, flags, stream in self._back.of(data):
            if kind == self._HEADERS and flags & self._END_STREAM and stream in self._begun:
                yield Call(self._begun.pop(stream), now)


class _Frames:
    """The heads of the frames in one direction, after so many bytes that are none."""

    _HEAD = 9

    def __init__(self, skipped: int) -> None:
        self._left = skipped
        self._head = b""

    def of(self, data: bytes) -> Iterator[tuple[int, int, int]]:
        """Kind, flags and stream of each frame that begins in the bytes that come next."""
        while data:
            if self._left:
                self._left, data = max(0, self._left - len(data)), data[self._left :]
                continue
            missing = self._HEAD - len(self._head)
            self._head, data = self._head + data[:missing], data[missing:]
            if len(self._head) == self._HEAD:
                head, self._head = self._head, b""
                self._left = int.from_bytes(head[:3])
                yield head[3], head[4], int.from_bytes(head[5:])
