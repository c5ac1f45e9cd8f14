"""Joins what is asked for at the same time into one piece of work."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Batch(Generic[Item, Result]):
    """Runs `work` on all items that came while it was running on the ones before.

    An item alone goes at once. `work` returns the results in the order of the items; what it
    raises, every item of that batch raises.
    """

    def __init__(self, work: Callable[[Sequence[Item]], Awaitable[Sequence[Result]]]) -> None:
        self._work = work
        self._waiting: list[tuple[Item, asyncio.Future[Result]]] = []
        self._running: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        """How many items wait for the next run."""
        return len(self._waiting)

    async def add(self, item: Item) -> Result:
        """The result for `item`."""
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._running is None:
            # A task of its own, so that no one who waits can cancel the work of the others.
            self._running = asyncio.create_task(self._run())
        return await future

    async def _run(self) -> None:
        while batch := self._waiting:
            self._waiting = []
            try:
                results = await self._work([item for item, _ in batch])
            except Exception as error:  # each of those who wait gets it
                for _, future in batch:
                    if not future.done():
                        future.set_exception(error)
            else:
                for (_, future), result in zip(batch, results, strict=True):
                    if not future.done():
                        future.set_result(result)
        self._running = None
