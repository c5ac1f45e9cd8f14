"""What the stores do through a real sidecar: the state adapter relies on it, so it is shown here and not faked."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TypeVar

import httpx
import pytest
from events import SIDECAR, envelope

from conftest import missing
from iot.dapr.sidecar import Sidecar
from iot.dapr.state_store import DaprStore
from iot.domain.mandate import Arrival, Level, Mandate
from iot.readmodel.store import RefusedError, StoreAwayError
from parts.iot import Iot, Platform
from parts.kafka import Kafka
from parts.mariadb import MariaDb
from parts.process import until
from parts.redis import Redis
from parts.sockets import unread_by

HOSTILE = ["x||y", "a/b", "ünï ☃", "a%7cb", "UP", "up", "a b", "a", "_ready", "a\u0301"]
MANY = 9
T = TypeVar("T")


class OneReplica:
    """A replica over a store of a kind."""

    def __init__(self, platform: Platform) -> None:
        self.store = platform.store
        self.replica = platform.add("a")
        self.iot: Iot = self.replica.iot

    def run(self, work: Callable[[DaprStore], Awaitable[T]], timeout: float = 10) -> T:
        """Runs a coroutine of a state adapter of one's own: another replica's, as it were."""

        async def main() -> T:
            sidecar = Sidecar(self.replica.sidecar.grpc_port, timeout, timeout)
            try:
                return await work(DaprStore("statestore", sidecar))
            finally:
                await sidecar.close()

        return asyncio.run(main())

    def ready(self) -> bool:
        return self.iot.answers("/readyz")

    def deliver(self, id_: str, level: Level, sequence: int) -> str:
        answer = httpx.post(
            f"{self.iot.url}/mandates", json=envelope(id_, level, sequence), headers=SIDECAR, timeout=30
        )
        return str(answer.json()["status"])


@pytest.fixture(scope="module", params=[Redis, MariaDb])
def one(
    broker: Kafka, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[OneReplica]:
    if request.param is MariaDb and (absent := missing(mariadb=True)):
        pytest.skip(f"needs {', '.join(absent)}")
    folder = tmp_path_factory.mktemp("state")
    with ExitStack() as running:
        yield OneReplica(Platform(broker, folder, running, running.enter_context(request.param(folder / "store"))))


def told(id_: str, level: Level, sequence: int | None) -> Mandate:
    return Mandate(id_, level, sequence, Arrival(1, 2, 3))


def test_what_is_delivered_is_answered(one: OneReplica) -> None:
    assert one.iot.ask("7733").status_code == 404
    assert one.deliver("7733", "1", 5) == "SUCCESS"
    assert one.deliver("7733", "0", 4) == "SUCCESS"
    answer = one.iot.ask("7733")
    assert answer.content == b'{"connectionId":"7733","connectionMandate":"1"}'
    assert one.deliver("7733", "2", 6) == "SUCCESS"
    assert one.iot.level("7733") == "2"
    head = httpx.head(one.iot.url, params={"connectionId": "7733"}, timeout=10)
    assert (head.status_code, head.content) == (200, b"")
    same = {"If-None-Match": head.headers["etag"]}
    assert httpx.get(one.iot.url, params={"connectionId": "7733"}, headers=same).status_code == 304


def test_any_id_keeps_its_own_mandate(one: OneReplica) -> None:
    for i, id_ in enumerate(HOSTILE):
        assert one.deliver(id_, "0", i + 1) == "SUCCESS"
    for i, id_ in enumerate(HOSTILE):
        assert one.iot.ask(id_).json() == {"connectionId": id_, "connectionMandate": "0"}
        stored = one.run(lambda store, id_=id_: store.get(id_))  # type: ignore[misc]
        assert stored
        assert stored.sequence == i + 1


def test_all_that_is_stored_comes_back_one_by_one_and_in_bulk(one: OneReplica) -> None:
    some = [told("s", "1", 2**63 - 1), told("t", "2", None)]

    async def work(store: DaprStore) -> None:
        await store.save([(mandate, None) for mandate in some])
        found = await store.get_many(["s", "t", "nobody"])
        assert [found[id_].mandate for id_ in ("s", "t", "nobody")] == [*some, None]
        assert found["s"].etag
        assert found["nobody"].etag is None
        assert [await store.get(id_) for id_ in ("s", "t", "nobody")] == [*some, None]

    one.run(work)


# One key is written by itself, many are in one transaction.
@pytest.mark.parametrize("count", [1, MANY])
def test_the_version_that_a_write_tells_is_the_one_it_has(one: OneReplica, count: int) -> None:
    ids = [f"v{count}-{number}" for number in range(count)]

    async def work(store: DaprStore) -> None:
        etags: dict[str, str | None] = dict.fromkeys(ids)
        for sequence in range(3):
            versions = await store.save([(told(id_, "1", sequence), etags[id_]) for id_ in ids])
            etags = {id_: stored.etag for id_, stored in (await store.get_many(ids)).items()}
            assert versions == (etags if isinstance(one.store, Redis) else {})

    one.run(work)


# One key is written by itself, many are in one transaction.
@pytest.mark.parametrize("count", [1, MANY])
def test_who_changes_a_key_with_a_stale_etag_is_refused(one: OneReplica, count: int) -> None:
    ids = [f"e{count}-{number}" for number in range(count)]

    async def work(store: DaprStore) -> None:
        await store.save([(told(id_, "1", 1), None) for id_ in ids])
        found = await store.get_many(ids)
        await store.save([(told(id_, "2", 3), found[id_].etag) for id_ in ids])
        with pytest.raises(RefusedError, match=r"failed to set key|etag mismatch"):
            await store.save([(told(id_, "0", 2), found[id_].etag) for id_ in ids])
        assert [await store.get(id_) for id_ in ids] == [told(id_, "2", 3) for id_ in ids]

    one.run(work)


@pytest.mark.parametrize("first", [1, MANY])
@pytest.mark.parametrize("second", [1, MANY])
def test_the_second_who_makes_a_key_is_refused(one: OneReplica, first: int, second: int) -> None:
    """Also when one of the two writes it by itself and the other in a transaction."""
    ids = [f"n{first}-{second}-{number}" for number in range(MANY)]

    async def work(store: DaprStore) -> None:
        await store.save([(told(id_, "2", 9), None) for id_ in ids[:first]])
        with pytest.raises(RefusedError):
            await store.save([(told(id_, "0", 1), None) for id_ in ids[:second]])
        both = ids[: min(first, second)]
        assert [await store.get(id_) for id_ in both] == [told(id_, "2", 9) for id_ in both]

    one.run(work)


def test_a_thousand_at_once(one: OneReplica) -> None:
    ids = [f"many-{i}" for i in range(1000)]

    async def work(store: DaprStore) -> None:
        for level, sequence in (("1", 1), ("2", 2)):
            found = await store.get_many(ids)
            await store.save([(told(id_, level, sequence), found[id_].etag) for id_ in ids])  # type: ignore[arg-type]
            found = await store.get_many(ids)
            assert [found[id_].mandate for id_ in ids] == [told(id_, level, sequence) for id_ in ids]  # type: ignore[arg-type]

    one.run(work)


def test_memory_stays_under_85_mb(one: OneReplica) -> None:
    assert one.iot.memory()[1] < 85


def test_a_store_that_hangs_costs_the_time_limit_and_then_all_goes_on(one: OneReplica) -> None:
    one.store.pause()
    try:
        began = time.monotonic()
        answer = one.iot.ask("7733")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert one.deliver("hung", "1", 1) == "RETRY"
        assert time.monotonic() - began < 8
        # As the kubelet asks it: a store that hangs hangs for every replica.
        assert httpx.get(f"{one.iot.url}/readyz", timeout=2).status_code == 200
    finally:
        one.store.resume()
    until(lambda: one.iot.ask("7733").status_code != 503, "queries are answered again")
    assert one.deliver("hung", "1", 1) == "SUCCESS"


def test_a_delivery_waits_for_a_slow_store_and_a_query_does_not(one: OneReplica) -> None:
    one.store.pause()
    try:
        with ThreadPoolExecutor() as thread:
            delivery = thread.submit(one.deliver, "slow", "1", 1)
            until(lambda: unread_by(one.store.port), "the delivery waits for the store")
            # It takes the time that a query has, and the delivery has waited for longer by then.
            assert one.iot.ask("7733").status_code == 503
            assert not delivery.done()
            one.store.resume()
            assert delivery.result(30) == "SUCCESS"
    finally:
        one.store.resume()
    assert one.iot.level("slow") == "1"


def test_a_store_that_is_gone_is_away_and_found_again(one: OneReplica) -> None:
    one.store.kill()
    assert one.iot.ask("7733").status_code == 503
    assert one.deliver("7733", "1", 50) == "RETRY"
    with pytest.raises(StoreAwayError):
        one.run(lambda store: store.get_many(["a", "b"]), timeout=30)
    one.store.begin()
    until(one.ready, "the service is ready again")
    assert one.deliver("7733", "1", 50) == "SUCCESS"
    assert one.iot.level("7733") == "1"


def test_a_sidecar_that_restarts_is_found_again(one: OneReplica) -> None:
    one.replica.sidecar.kill()
    assert one.iot.ask("7733").status_code == 503
    assert not one.ready()
    one.replica.sidecar.begin()
    until(one.ready, "the service is ready again")
    assert one.iot.level("7733") == "1"
