import asyncio
from collections.abc import Sequence

import pytest

from crm.store.batch import Batch

pytestmark = pytest.mark.anyio


class Work:
    """Doubles each item once it is let to, and notes what came together."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.may_go = asyncio.Event()

    async def double(self, items: Sequence[int]) -> list[int]:
        self.batches.append(list(items))
        await self.may_go.wait()
        if 0 in items:
            raise ZeroDivisionError
        return [2 * item for item in items]


async def test_what_comes_during_the_work_waits_and_goes_together() -> None:
    work = Work()
    batch = Batch(work.double)
    first = asyncio.create_task(batch.add(1))
    await asyncio.sleep(0)  # it asks
    await asyncio.sleep(0)  # its work begins
    rest = [asyncio.create_task(batch.add(item)) for item in (2, 3)]
    await asyncio.sleep(0)  # they ask
    work.may_go.set()
    assert await asyncio.wait_for(asyncio.gather(first, *rest), 5) == [2, 4, 6]
    assert work.batches == [[1], [2, 3]]


async def test_it_works_again_after_it_had_nothing_to_do_or_failed() -> None:
    work = Work()
    work.may_go.set()
    batch = Batch(work.double)
    for item in (1, 2):
        assert await asyncio.wait_for(batch.add(item), 5) == 2 * item
        with pytest.raises(ZeroDivisionError):
            await asyncio.wait_for(batch.add(0), 5)
