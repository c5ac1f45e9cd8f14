"""A state component that becomes another kind of store while the replica runs, as Dapr's hot reload allows."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from conftest import missing
from iot.dapr.sidecar import Sidecar
from iot.dapr.state_store import DaprStore
from iot.domain.mandate import Level, Mandate
from iot.readmodel.store import RefusedError
from parts.iot import Platform
from parts.kafka import Kafka
from parts.mariadb import MariaDb
from parts.redis import Redis

IDS = [f"c{number}" for number in range(9)]


class Changing:
    """What a replica knows as its sidecar: `now` is the one that answers."""

    def __init__(self, now: Sidecar) -> None:
        self.now = now
        self.query_timeout, self.delivery_timeout = now.query_timeout, now.delivery_timeout

    @property
    def api(self) -> Any:
        return self.now.api

    async def call(self, method: Callable[..., Awaitable[Any]], request: object, timeout: float) -> Any:  # noqa: ASYNC109
        return await self.now.call(method, request, timeout)

    async def about(self, timeout: float) -> Any:  # noqa: ASYNC109
        return await self.now.about(timeout)


def told(level: Level, sequence: int) -> list[tuple[Mandate, str | None]]:
    return [(Mandate(id_, level, sequence), None) for id_ in IDS]


def test_a_key_that_somebody_made_first_stays_whatever_the_store_was_before(broker: Kafka, tmp_path: Path) -> None:
    if absent := missing(mariadb=True):
        pytest.skip(f"needs {', '.join(absent)}")

    async def main(ports: list[int]) -> None:
        redis, mariadb = (Sidecar(port, 10, 10) for port in ports)
        seen = Changing(redis)
        state = DaprStore("statestore", seen)

        async def levels() -> list[str]:
            return [stored.mandate.level if stored.mandate else "" for stored in (await state.get_many(IDS)).values()]

        await state.save(told("1", 1))
        seen.now = mariadb
        await DaprStore("statestore", mariadb).save(told("2", 9)[:1])
        with pytest.raises(RefusedError):
            await state.save(told("0", 0))
        await state.save(told("0", 0)[1:])
        assert await levels() == ["2"] + ["0"] * (len(IDS) - 1)
        seen.now = redis
        with pytest.raises(RefusedError):
            await state.save(told("2", 9))
        assert await levels() == ["1"] * len(IDS)
        await redis.close()
        await mariadb.close()

    with ExitStack() as running:
        ports = []
        for kind in (Redis, MariaDb):
            folder = tmp_path / kind.__name__
            folder.mkdir()
            platform = Platform(broker, folder, running, running.enter_context(kind(folder / "store")))
            ports.append(platform.add("a").sidecar.grpc_port)
        asyncio.run(main(ports))
