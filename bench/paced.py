"""Changes at a pace, whatever becomes of those before, and how long some of them take until they are told."""

import asyncio
import time

import uvloop

from bench.chain import Chain
from bench.channel import Channels
from bench.connection import SUCCESS, request
from bench.customers import Change

SAMPLES = 40
"""Changes a second that are asked for until they are told: each query takes time from those who are measured."""

LONGEST = 10.0
"""Seconds after which a change that is not told yet is given up, and counted as told."""

_DRAINED = 120.0
"""Seconds that the last change may take where the chain has fallen behind."""


def warm(chain: Chain) -> None:
    """Let all that is between a change and its query get to its speed.

    After 4,000 changes by each of three chains Java has compiled what the broker does; it takes less than half
    of the processor then than before, and no broker that is used is as young as that.
    """
    milliseconds(chain, 500, 8)


def milliseconds(chain: Chain, rate: int, seconds: float) -> list[float]:
    """How long the changes that were asked for took, from the request until they were told.

    When it ends the chain has caught up.

    :param rate: changes a second, a multiple of SAMPLES.
    :param seconds: for so long.
    :raises AssertionError: a change was not accepted, or the chain does not catch up.
    """
    return uvloop.run(_Load(chain).run(rate, seconds))


class _Load:
    def __init__(self, chain: Chain) -> None:
        self._changes = chain.changes
        self._command = Channels(chain.command)
        self._query = Channels(chain.query)

    async def run(self, rate: int, seconds: float) -> list[float]:
        begun = time.monotonic()
        posted: list[asyncio.Task[None]] = []
        asked: list[asyncio.Task[float]] = []
        for number in range(int(rate * seconds)):
            await asyncio.sleep(begun + number / rate - time.monotonic())
            change = next(self._changes)
            if number % (rate // SAMPLES):
                posted.append(asyncio.create_task(self._post(change)))
            else:
                asked.append(asyncio.create_task(self._visible(change)))
        await asyncio.gather(*posted)
        taken = await asyncio.gather(*asked)
        if not await self._told(change, _DRAINED):
            raise AssertionError(f"not within {_DRAINED:.0f} s after the last change: {change.query} tells it")
        self._command.close()
        self._query.close()
        return taken

    async def _post(self, change: Change) -> None:
        status, content = await self._command.ask(request("POST", change.path, change.body))
        if status not in SUCCESS:
            raise AssertionError(f"POST {change.path}: {status} {content[:500]!r}")

    async def _visible(self, change: Change) -> float:
        begun = time.monotonic()
        await self._post(change)
        await self._told(change, LONGEST)
        return (time.monotonic() - begun) * 1000

    async def _told(self, change: Change, seconds: float) -> bool:
        """Wait until a change is told, for so long; whether it is.

        Asked again after a twentieth of the time so far: else those who ask would be most of the load.
        """
        begun = time.monotonic()
        while change.told not in (await self._query.ask(request("GET", change.query)))[1]:
            waited = time.monotonic() - begun
            if waited > seconds:
                return False
            await asyncio.sleep(max(0.001, waited / 20))
        return True
