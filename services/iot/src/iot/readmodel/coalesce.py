"""Gathering reads: what is asked for in one turn of the event loop becomes one call.

Under load many requests are read from their sockets in one turn, and a call to the sidecar costs
more than all else in a query: so gathered, they get twice the answers per second. A request that
comes alone waits for nothing.
"""

from asyncio import Future, Task, get_running_loop
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from typing import Generic, TypeVar

T = TypeVar("T")


class Gatherer(Generic[T]):
    """Reads by key, through a function that reads many at once and answers for each of them."""

    def __init__(self, read_many: Callable[[Sequence[str]], Awaitable[dict[str, T]]]) -> None:
        self._read_many = read_many
        self._waiting: list[tuple[str, Future[T]]] = []
        self._flights: set[Task[None]] = set()

    async def read(self, key: str) -> T:
        """What the function answers for the key; raises what it raises.

        The call begins after this one: what was written before is seen.
        """
        loop = get_running_loop()
        if not self._waiting:
            loop.call_soon(self._depart)
        answer: Future[T] = loop.create_future()
        self._waiting.append((key, answer))
        return await answer

    def _depart(self) -> None:
        waiting, self._waiting = self._waiting, []
        # A call for one belongs to the trace of whoever asked, a call for many to none.
        context = None if len(waiting) == 1 else Context()
        flight = get_running_loop().create_task(self._fly(waiting), context=context)
        # The loop itself holds tasks only weakly.
        self._flights.add(flight)
        flight.add_done_callback(self._flights.discard)

    async def _fly(self, waiting: list[tuple[str, Future[T]]]) -> None:
        try:
            found = await self._read_many(list(dict(waiting)))
        except Exception as error:
            for _, answer in waiting:
                if not answer.done():
                    answer.set_exception(error)
        else:
            for key, answer in waiting:
                if not answer.done():
                    answer.set_result(found[key])
