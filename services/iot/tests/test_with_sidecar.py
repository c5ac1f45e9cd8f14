"""The real process with a real daprd and a real Redis: `DAPRD=/path/to/daprd pytest`.

What daprd and Redis do is what the state adapter relies on, so it is shown here and not faked.
"""

import asyncio
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TypeVar

import httpx
import pytest
from service import Service, answers, free_port, running, until

from iot.mandate import Arrival, Level, Mandate
from iot.sidecar import Sidecar
from iot.state import DaprState
from iot.store import RefusedError, StoreAwayError

DAPRD = os.environ.get("DAPRD") or shutil.which("daprd")
REDIS = shutil.which("redis-server")

T = TypeVar("T")

pytestmark = pytest.mark.skipif(
    not (DAPRD and REDIS), reason="needs redis-server on the PATH, and daprd there or in DAPRD"
)

STATESTORE = """
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {{name: statestore}}
spec:
  type: state.redis
  version: v1
  metadata:
  - {{name: redisHost, value: "127.0.0.1:{port}"}}
"""
HOSTILE = ["x||y", "a/b", "ünï ☃", "a%7cb", "UP", "up", "a ", "a", "_ready", "\0"]


@contextmanager
def started(*command: object) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.wait()


def redis(port: int) -> AbstractContextManager["subprocess.Popen[bytes]"]:
    return started(REDIS, "--port", port, "--bind", "127.0.0.1", "--save", "")


def daprd(resources: Path, app_port: int, grpc_port: int) -> AbstractContextManager["subprocess.Popen[bytes]"]:
    ports = [
        word
        for name in ("dapr-http-port", "dapr-internal-grpc-port", "metrics-port")
        for word in (f"-{name}", free_port())
    ]
    return started(
        DAPRD, "-app-id", "iot", "-app-port", app_port, "-dapr-grpc-port", grpc_port, *ports,
        "-resources-path", resources, "-log-level", "error",
    )  # fmt: skip


class Platform:
    """The service and what it stands on."""

    def __init__(self, service: Service, resources: Path, redis_port: int, grpc_port: int) -> None:
        self.service = service
        self.resources = resources
        self.redis_port = redis_port
        self.grpc_port = grpc_port
        self.redis: subprocess.Popen[bytes]
        self.daprd: subprocess.Popen[bytes]

    def run(self, work: Callable[[DaprState], Awaitable[T]], timeout: float = 5) -> T:
        """Runs a coroutine of a store of one's own: another replica's, as it were."""

        async def main() -> T:
            sidecar = Sidecar(self.grpc_port, timeout)
            try:
                return await work(DaprState("statestore", sidecar))
            finally:
                await sidecar.close()

        return asyncio.run(main())

    def ready(self) -> bool:
        return answers(f"{self.service.url}/readyz")

    def deliver(self, id_: str, level: Level, sequence: int) -> str:
        event = {
            "sequence": str(sequence),
            "data": {"connectionId": id_, "connectionMandate": level},
        }
        answer = httpx.post(f"{self.service.url}/mandates", json=event, timeout=10)
        status: str = answer.json()["status"]
        return status

    def ask(self, id_: str) -> httpx.Response:
        return httpx.get(self.service.url, params={"connectionId": id_}, timeout=10)


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    redis_port, grpc_port, app_port = free_port(), free_port(), free_port()
    resources = tmp_path_factory.mktemp("resources")
    (resources / "statestore.yaml").write_text(STATESTORE.format(port=redis_port))
    with (
        redis(redis_port) as redis_process,
        running(app_port, DAPR_GRPC_PORT=str(grpc_port)) as service,
        daprd(resources, app_port, grpc_port) as daprd_process,
    ):
        platform = Platform(service, resources, redis_port, grpc_port)
        platform.redis, platform.daprd = redis_process, daprd_process
        until(platform.ready, "the service is ready")
        yield platform


def told(id_: str, level: Level, sequence: int | None) -> Mandate:
    return Mandate(id_, level, sequence, Arrival(1, 2, 3))


def test_what_is_delivered_is_answered(platform: Platform) -> None:
    assert platform.ask("7733").status_code == 404
    assert platform.deliver("7733", "1", 5) == "SUCCESS"
    assert platform.deliver("7733", "0", 4) == "SUCCESS"
    answer = platform.ask("7733")
    assert answer.content == b'{"connectionId":"7733","connectionMandate":"1"}'
    assert platform.deliver("7733", "2", 6) == "SUCCESS"
    assert platform.ask("7733").json()["connectionMandate"] == "2"


def test_any_id_keeps_its_own_mandate(platform: Platform) -> None:
    for i, id_ in enumerate(HOSTILE):
        assert platform.deliver(id_, "0", i + 1) == "SUCCESS"
    for i, id_ in enumerate(HOSTILE):
        assert platform.ask(id_).json() == {"connectionId": id_, "connectionMandate": "0"}
        stored = platform.run(lambda store, id_=id_: store.get(id_))  # type: ignore[misc]
        assert stored
        assert stored.sequence == i + 1


def test_all_that_is_stored_comes_back_one_by_one_and_in_bulk(platform: Platform) -> None:
    some = [told("s", "1", 2**63 - 1), told("t", "2", None)]

    async def work(store: DaprState) -> None:
        await store.save([(mandate, None) for mandate in some])
        found = await store.get_many(["s", "t", "nobody"])
        assert [found[id_].mandate for id_ in ("s", "t", "nobody")] == [*some, None]
        assert found["s"].etag
        assert found["nobody"].etag is None
        assert [await store.get(id_) for id_ in ("s", "t", "nobody")] == [*some, None]

    platform.run(work)


def test_a_stale_etag_is_refused_and_the_rest_of_the_batch_is_written(platform: Platform) -> None:
    async def work(store: DaprState) -> None:
        await store.save([(told("e", "1", 1), None)])
        etag = (await store.get_many(["e"]))["e"].etag
        await store.save([(told("e", "2", 3), etag)])
        with pytest.raises(RefusedError, match="etag mismatch"):
            await store.save([(told("e", "0", 2), etag), (told("f", "1", 1), None)])
        assert await store.get("e") == told("e", "2", 3)
        assert await store.get("f") == told("f", "1", 1)

    platform.run(work)


def test_a_new_key_is_refused_to_the_second_who_makes_it(platform: Platform) -> None:
    async def work(store: DaprState) -> None:
        await store.save([(told("n", "2", 9), None)])
        with pytest.raises(RefusedError):
            await store.save([(told("n", "0", 1), None)])
        assert await store.get("n") == told("n", "2", 9)

    platform.run(work)


def test_a_thousand_at_once(platform: Platform) -> None:
    ids = [f"many-{i}" for i in range(1000)]

    async def work(store: DaprState) -> None:
        found = await store.get_many(ids)
        await store.save([(told(id_, "1", 1), found[id_].etag) for id_ in ids])
        found = await store.get_many(ids)
        assert [found[id_].mandate for id_ in ids] == [told(id_, "1", 1) for id_ in ids]

    platform.run(work)


def test_somebody_elses_value_is_unknown_until_the_next_event_heals_it(platform: Platform) -> None:
    with started(
        "redis-cli", "-p", platform.redis_port, "HSET", "iot||odd", "data", "hello", "version", "4"
    ) as redis_cli:
        assert redis_cli.wait(10) == 0
    assert platform.ask("odd").status_code == 404
    assert platform.deliver("odd", "1", 1) == "SUCCESS"
    assert platform.ask("odd").json()["connectionMandate"] == "1"


def test_memory_stays_under_80_mb(platform: Platform) -> None:
    status = Path(f"/proc/{platform.service.process.pid}/status").read_text()
    rss = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert rss
    assert int(rss[1]) < 80_000


def test_redis_that_hangs_costs_the_time_limit_and_then_all_goes_on(platform: Platform) -> None:
    platform.redis.send_signal(signal.SIGSTOP)
    try:
        began = time.monotonic()
        answer = platform.ask("7733")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert platform.deliver("hung", "1", 1) == "RETRY"
        assert time.monotonic() - began < 6
        assert not platform.ready()
    finally:
        platform.redis.send_signal(signal.SIGCONT)
    until(platform.ready, "the service is ready again")
    assert platform.deliver("hung", "1", 1) == "SUCCESS"


def test_redis_that_is_gone_is_away_and_an_empty_one_is_filled_again(platform: Platform) -> None:
    platform.redis.kill()
    platform.redis.wait()
    assert platform.ask("7733").status_code == 503
    assert platform.deliver("7733", "1", 50) == "RETRY"
    # Given the time (Dapr's client dials five times), the call succeeds and each item bears the error.
    with pytest.raises(StoreAwayError, match=r"^dial tcp .* connection refused$"):
        platform.run(lambda store: store.get_many(["a", "b"]), timeout=30)
    with redis(platform.redis_port):
        until(platform.ready, "the service is ready again")
        assert platform.deliver("7733", "1", 50) == "SUCCESS"
        assert platform.ask("7733").json()["connectionMandate"] == "1"


def test_a_sidecar_that_restarts_is_found_again_within_seconds(platform: Platform) -> None:
    platform.daprd.kill()
    platform.daprd.wait()
    assert platform.ask("7733").status_code == 503
    app_port = int(platform.service.url.rsplit(":", 1)[1])
    with redis(platform.redis_port), daprd(platform.resources, app_port, platform.grpc_port):
        until(platform.ready, "the service is ready again", 10)
