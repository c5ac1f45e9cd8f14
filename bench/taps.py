"""Listening in between a service and its sidecar: bytes are passed on, and it is noted when calls began and ended.

What passes here does so later, by the time that this takes: figures from it tell how hops compare, not how
long they are without.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Coroutine
from contextlib import suppress
from threading import Condition, Thread
from typing import Any, Self, TypeVar

import uvloop

from bench.frames import Call, Reader

T = TypeVar("T")

_CHUNK = 64 * 1024


class Taps:
    """As a context: a thread that listens in, and the calls by the name of what was asked for."""

    def __init__(self, kinds: dict[str, Callable[[], Reader]]) -> None:
        """`kinds` say how to read what passes, by name."""
        self.calls: defaultdict[str, list[Call]] = defaultdict(list)
        self._kinds = kinds
        self._ended = Condition()
        self._loop = uvloop.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever)

    def way(self, name: str, port: int) -> int:
        """The port at which the server at `port` is reached through a tap."""

        async def listening() -> int:
            async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                with suppress(OSError):
                    await self._pass(name, port, reader, writer)
                writer.close()

            server = await asyncio.start_server(connected, "127.0.0.1", 0)
            return int(server.sockets[0].getsockname()[1])

        return self._run(listening())

    def call(self, name: str, since: float) -> Call:
        """The first call by this name that began since then, when it has ended. AssertionError after half a minute."""

        def found() -> Call | None:
            return next((call for call in self.calls[name] if call.begun >= since), None)

        with self._ended:
            if call := self._ended.wait_for(found, 30):
                return call
        raise AssertionError(f"not within 30 s: something is {name}")

    def forget(self) -> None:
        """Forget the calls so far."""
        with self._ended:
            self.calls.clear()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _pass(self, name: str, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen = self._kinds[name]()
        from_server, to_server = await asyncio.open_connection("127.0.0.1", port)

        async def back() -> None:
            with suppress(OSError):
                while data := await from_server.read(_CHUNK):
                    calls = [*seen.answered(data, time.time())]
                    writer.write(data)
                    if calls:
                        with self._ended:
                            self.calls[name] += calls
                            self._ended.notify_all()
            writer.close()

        answering = asyncio.ensure_future(back())
        while data := await reader.read(_CHUNK):
            seen.asked(data, time.time())
            to_server.write(data)
        to_server.close()
        await answering
