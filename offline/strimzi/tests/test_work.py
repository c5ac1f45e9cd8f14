from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from strimzi_double.work import Key, Later, Work

ONE, OTHER = Key("KafkaTopic", "ns", "one"), Key("KafkaTopic", "ns", "other")


async def test_a_key_is_never_worked_on_twice_at_once() -> None:
    runs: Counter[Key] = Counter()
    at_once = asyncio.Semaphore(1)
    gate, entered = asyncio.Event(), asyncio.Event()

    async def reconcile(key: Key) -> None:
        assert not at_once.locked()
        async with at_once:
            runs[key] += 1
            entered.set()
            await gate.wait()

    work = Work(reconcile)
    work.add(ONE)
    await entered.wait()
    for _ in range(5):
        work.add(ONE)
    gate.set()
    await work.idle()
    assert runs[ONE] == 2, "what came while it ran is one more run"


async def test_different_keys_run_side_by_side() -> None:
    both = asyncio.Barrier(2)

    async def reconcile(_: Key) -> None:
        async with asyncio.timeout(5):
            await both.wait()

    work = Work(reconcile)
    work.add(ONE)
    work.add(OTHER)
    await work.idle()


async def test_a_failed_run_is_repeated(caplog: pytest.LogCaptureFixture) -> None:
    done = asyncio.Event()
    runs = 0

    async def reconcile(_: Key) -> None:
        nonlocal runs
        runs += 1
        if runs == 1:
            raise ValueError
        done.set()

    work = Work(reconcile, retry_seconds=0.01)
    work.add(ONE)
    async with asyncio.timeout(5):
        await done.wait()
    assert "KafkaTopic ns/one: failed, is tried again" in caplog.text


async def test_a_run_that_came_too_early_is_repeated_without_alarm(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    awaited = ["something"]
    done = asyncio.Event()

    async def reconcile(_: Key) -> None:
        if awaited:
            raise Later(awaited.pop())
        done.set()

    work = Work(reconcile, retry_seconds=0.01)
    work.add(ONE)
    async with asyncio.timeout(5):
        await done.wait()
    assert [(entry.levelname, entry.getMessage()) for entry in caplog.records] == [
        ("INFO", "KafkaTopic ns/one: waits: something")
    ]


async def test_closing_stops_what_runs() -> None:
    entered, stopped = asyncio.Event(), asyncio.Event()

    async def reconcile(_: Key) -> None:
        entered.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    work = Work(reconcile)
    work.add(ONE)
    await entered.wait()
    await work.close()
    assert stopped.is_set()
