"""The queue of what has to be looked at again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import NamedTuple

_log = logging.getLogger(__name__)
_RETRY_SECONDS = 5.0


class Later(Exception):  # noqa: N818  nothing went wrong
    """Raised by a run that found that it came too early; the message says what is awaited."""


class Key(NamedTuple):
    """A resource to reconcile, by name: what it says is read when its turn comes."""

    kind: str
    namespace: str
    name: str


class Work:
    """Runs `reconcile` for each key added: keys side by side, but one key never twice at once.

    A key that is added while it runs is run once more afterwards, however often it was added.
    A run that raises is logged and repeated after a while.
    """

    def __init__(self, reconcile: Callable[[Key], Awaitable[None]], retry_seconds: float = _RETRY_SECONDS) -> None:
        self._reconcile = reconcile
        self._retry_seconds = retry_seconds
        self._running: dict[Key, asyncio.Task[None]] = {}
        self._again: set[Key] = set()
        self._timers: dict[Key, asyncio.TimerHandle] = {}

    def add(self, key: Key) -> None:
        """Have the key looked at, now or as soon as its present run ends."""
        if (timer := self._timers.pop(key, None)) is not None:
            timer.cancel()
        if key in self._running:
            self._again.add(key)
        else:
            self._running[key] = asyncio.create_task(self._run(key), name="/".join(key))

    async def idle(self) -> None:
        """Wait until nothing runs; what waits to be repeated does not count."""
        while self._running:
            await asyncio.wait(self._running.values())

    async def close(self) -> None:
        """Stop what runs and forget what waits."""
        for timer in self._timers.values():
            timer.cancel()
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, key: Key) -> None:
        try:
            await self._reconcile(key)
        except Later as why:
            _log.info("%s %s/%s: waits: %s", *key, why)
            self._repeat(key)
        except Exception:
            _log.exception("%s %s/%s: failed, is tried again", *key)
            self._repeat(key)
        finally:
            del self._running[key]
        if key in self._again:
            self._again.discard(key)
            self.add(key)

    def _repeat(self, key: Key) -> None:
        loop = asyncio.get_running_loop()
        self._timers[key] = loop.call_later(self._retry_seconds, self.add, key)
