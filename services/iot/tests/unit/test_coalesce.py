import asyncio
from collections.abc import Sequence

import pytest

from iot.observability.tracing import traceparent
from iot.readmodel.coalesce import Coalescer

pytestmark = pytest.mark.anyio


class Source:
    """Answers each key in capitals, and remembers what it was asked for."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.error: Exception | None = None
        self.called = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    async def read_many(self, keys: Sequence[str]) -> dict[str, str]:
        self.calls.append(list(keys))
        self.called.set()
        await self.gate.wait()
        if self.error:
            raise self.error
        return {key: key.upper() for key in keys}


async def test_what_is_asked_in_one_turn_is_one_call_without_repetition() -> None:
    source = Source()
    coalescer = Coalescer(source.read_many)
    answers = await asyncio.gather(*(coalescer.read(key) for key in "abca"))
    assert list(answers) == ["A", "B", "C", "A"]
    assert source.calls == [["a", "b", "c"]]


async def test_a_call_on_its_way_takes_no_one_else_along() -> None:
    source = Source()
    coalescer = Coalescer(source.read_many)
    source.gate.clear()
    first = asyncio.create_task(coalescer.read("a"))
    await source.called.wait()
    source.called.clear()
    second = asyncio.create_task(coalescer.read("a"))
    await source.called.wait()
    source.gate.set()
    assert [await first, await second] == ["A", "A"]


async def test_an_error_reaches_all_and_ends_there() -> None:
    source = Source()
    coalescer = Coalescer(source.read_many)
    source.error = OSError("away")
    both = await asyncio.gather(coalescer.read("a"), coalescer.read("b"), return_exceptions=True)
    assert list(both) == [source.error, source.error]
    source.error = None
    assert await coalescer.read("a") == "A"


async def test_one_who_leaves_does_not_take_the_answer_from_the_others() -> None:
    source = Source()
    coalescer = Coalescer(source.read_many)
    source.gate.clear()
    leaver, stayer = (asyncio.create_task(coalescer.read("a")) for _ in range(2))
    await source.called.wait()
    leaver.cancel()
    source.gate.set()
    assert await stayer == "A"
    assert leaver.cancelled()


async def test_a_call_for_many_bears_nobodys_trace_and_one_alone_its_own() -> None:
    seen: list[str | None] = []

    async def read_many(keys: Sequence[str]) -> dict[str, str]:
        seen.append(traceparent.get())
        return dict.fromkeys(keys, "")

    coalescer = Coalescer(read_many)

    async def ask(key: str, trace: str) -> None:
        traceparent.set(trace)
        await coalescer.read(key)

    await asyncio.gather(ask("a", "first"), ask("b", "second"))
    await asyncio.gather(ask("a", "alone"))
    assert seen == [None, "alone"]
