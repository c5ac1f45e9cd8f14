"""The Dapr sidecar next door: an HTTP connection that is kept, and one request at a time.

Not by an HTTP client: for a change that comes alone httpcore takes a third of all the time that
CRM's process spends on it. What is asked of one here is little: one peer, no TLS, no redirects.
"""

import asyncio
from asyncio import StreamReader, StreamWriter
from contextlib import suppress
from typing import NamedTuple

from httptools import HttpParserError, HttpResponseParser

CONNECTING = 2.0
"""Seconds that the sidecar has to take a connection."""

_CHUNK = 64 * 1024


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
        self._kept: tuple[StreamReader, StreamWriter] | None = None

    async def post(self, path: str, body: bytes, traceparent: str | None = None) -> Answer:
        """The answer to a JSON body, awaited for as long as the connection lives. Raises SidecarError.

        `traceparent`: of the trace that this goes on with, if it goes on with one.

        Where it would be given up, the sidecar would still be at work on what it was asked.
        """
        try:
            reader, writer = await self._connection()
            try:
                trace = f"traceparent: {traceparent}\r\n" if traceparent else ""
                head = f"POST {path} HTTP/1.1\r\n{self._headers}{trace}Content-Length: {len(body)}\r\n\r\n"
                writer.write(head.encode() + body)
                await writer.drain()
                answer, last = await _Reading().whole(reader)
            except BaseException:  # also when cancelled: what comes later answers nobody
                writer.close()
                raise
        except (OSError, EOFError, HttpParserError) as error:
            raise SidecarError(repr(error)) from error
        if last:
            writer.close()
        else:
            self._kept = reader, writer
        return answer

    async def close(self) -> None:
        """Close the connection that is kept."""
        if self._kept:
            _, writer = self._kept
            self._kept = None
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _connection(self) -> tuple[StreamReader, StreamWriter]:
        kept, self._kept = self._kept, None
        if kept:
            reader, writer = kept
            if not reader.at_eof():
                return kept
            writer.close()
        try:
            async with asyncio.timeout(CONNECTING):
                return await asyncio.open_connection("127.0.0.1", self._port)
        except TimeoutError as error:
            raise SidecarError(f"no connection within {CONNECTING:.0f} s") from error


class _Reading:
    """An answer that is coming; its methods are what the parser calls."""

    def __init__(self) -> None:
        self._parser = HttpResponseParser(self)
        self._content = b""
        self._last: bool | None = None

    async def whole(self, reader: StreamReader) -> tuple[Answer, bool]:
        """The answer, and whether it is the connection's last."""
        while self._last is None:
            data = await reader.read(_CHUNK)
            if not data:
                raise EOFError("the connection ended before the answer did")
            self._parser.feed_data(data)
        return Answer(self._parser.get_status_code(), self._content), self._last

    def on_body(self, body: bytes) -> None:
        self._content += body

    def on_message_complete(self) -> None:
        self._last = not self._parser.should_keep_alive()
