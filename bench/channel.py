"""HTTP connections that are kept, for many requests at once in one event loop."""

import asyncio
import time
from typing import cast

from httptools import HttpResponseParser

from bench.connection import Answer

_KEPT = 2.0
"""Seconds without a request after which a connection is not used again: uvicorn closes it after 5."""


class Channels:
    """Connections to a server of this machine, as many as have requests under way at once."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._free: list[_Channel] = []

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Status and body of the answer to a request. ConnectionError when the connection ends before."""
        channel = self._kept() or await self._opened()
        answer = await channel.ask(request)
        self._free.append(channel)
        return answer

    def close(self) -> None:
        """Close those on which nothing is under way."""
        for channel in self._free:
            channel.close()

    def _kept(self) -> "_Channel | None":
        while self._free:
            channel = self._free.pop()
            if time.monotonic() - channel.used < _KEPT:
                return channel
            channel.close()
        return None

    async def _opened(self) -> "_Channel":
        _, channel = await asyncio.get_running_loop().create_connection(_Channel, "127.0.0.1", self._port)
        return channel


class _Channel(asyncio.Protocol):
    used = 0.0

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        self._answer = Answer()
        self._parser = HttpResponseParser(self._answer)
        self._whole: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        await self._whole
        self.used = time.monotonic()
        return self._parser.get_status_code(), self._answer.content

    def close(self) -> None:
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)
        if self._answer.whole and not self._whole.done():
            self._whole.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._whole.done():
            self._whole.set_exception(exc or ConnectionError("the connection ended before the answer did"))
