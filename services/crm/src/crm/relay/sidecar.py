"""The Dapr sidecar next door: an HTTP connection that is kept, and one request at a time.

Not by an HTTP client: for a change that comes alone httpcore takes a third of all the time that
CRM's process spends on it. What is asked of one here is little: one peer, no TLS, no redirects.
"""

import asyncio
from collections.abc import Callable
from typing import NamedTuple, cast

from httptools import HttpParserError, HttpResponseParser

CONNECTING = 2.0
"""Seconds that the sidecar has to take a connection."""


class SidecarError(Exception):
    """No whole answer came, and none will: there was no connection, or it ended."""


class Answer(NamedTuple):
    """An HTTP answer."""

    status: int
    content: bytes


class Sidecar:
    """The one at `port` of this host, which need not be there yet."""

    def __init__(self, port: int, api_token: str) -> None:
        self._port = port
        token = f"dapr-api-token: {api_token}\r\n" if api_token else ""
        self._headers = f"Host: 127.0.0.1:{port}\r\n{token}Content-Type: application/json\r\n"
        self._connection: _Connection | None = None

    async def post(self, path: str, body: bytes, check: Callable[[], None], traceparent: str | None = None) -> Answer:
        """The answer to a JSON body, awaited for as long as the connection lives. Raises SidecarError.

        `traceparent`: of the trace that this goes on with, if it goes on with one. `check` is called when
        nothing is left to do before sending, and may raise.

        Where it would be given up, the sidecar would still be at work on what it was asked.
        """
        trace = f"traceparent: {traceparent}\r\n" if traceparent else ""
        head = f"POST {path} HTTP/1.1\r\n{self._headers}{trace}Content-Length: {len(body)}\r\n\r\n"
        try:
            if self._connection is None or self._connection.ended:
                self._connection = await self._connected()
            request = head.encode() + body
            check()
            return await self._connection.ask(request)
        except (OSError, HttpParserError) as error:
            raise SidecarError(repr(error)) from error

    def close(self) -> None:
        """Close the connection that is kept."""
        if self._connection:
            self._connection.close()

    async def _connected(self) -> "_Connection":
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECTING):
                _, connection = await loop.create_connection(_Connection, "127.0.0.1", self._port)
        except TimeoutError as error:
            raise SidecarError(f"no connection within {CONNECTING:.0f} s") from error
        return connection


class _Connection(asyncio.Protocol):
    """Its other methods are what the event loop and the parser call."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._parser = HttpResponseParser(self)
        self._whole: asyncio.Future[Answer] | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing can be asked by it any more."""
        return self._transport.is_closing()

    async def ask(self, request: bytes) -> Answer:
        self._content = b""
        self._whole = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        try:
            return await self._whole
        except BaseException:  # also when cancelled: what comes later answers nobody
            self.close()
            raise

    def close(self) -> None:
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except HttpParserError as error:
            self._end(error)

    def on_body(self, body: bytes) -> None:
        self._content += body

    def on_message_complete(self) -> None:
        if not self._parser.should_keep_alive():
            self.close()
        if self._whole and not self._whole.done():
            self._whole.set_result(Answer(self._parser.get_status_code(), self._content))

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(exc or ConnectionError("the connection ended before the answer did"))

    def _end(self, error: Exception) -> None:
        if self._whole and not self._whole.done():
            self._whole.set_exception(error)
