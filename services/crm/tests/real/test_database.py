"""What is lost and what is not when the database goes away, on a real MariaDB."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest
import sqlalchemy as sql
from helpers import clear, details
from sqlalchemy.exc import OperationalError

from crm.domain.change import Change
from crm.domain.customers import OutcomeUnknownError, StoreUnavailableError
from crm.store.customers import Store
from crm.store.database import PATIENCE, Database
from crm.store.dialect import create_engine
from crm.store.outbox import Outbox
from crm.store.tables import counters
from parts import found
from parts.mariadb import MariaDb

pytestmark = pytest.mark.anyio


@pytest.fixture
async def databases(mariadb: MariaDb) -> AsyncIterator[tuple[Database, Database]]:
    """Two connections, as two processes have them."""
    async with Database(mariadb.url) as one, Database(mariadb.url) as other:
        await clear(one)
        yield one, other


async def connection_id(database: Database) -> int:
    return int(await database.run(lambda db: db.scalar(sql.select(sql.func.connection_id()))))


async def test_events_of_two_who_write_at_once_appear_in_the_order_of_their_sequence(
    databases: tuple[Database, Database],
) -> None:
    stores, outbox = [Store(each, lambda *_: None) for each in databases], Outbox(databases[1])
    done = False
    seen: list[int] = []

    async def write(store: Store, client: int) -> None:
        for number in range(25):
            await store.accept(Change(details(f"{client}-{number}")))

    async def watch() -> None:
        while True:
            last = done
            seen.extend(event.sequence for event in await outbox.pending(seen[-1] if seen else 0, 1000))
            if last:
                return

    watching = asyncio.create_task(watch())
    await asyncio.gather(*(write(stores[client % 2], client) for client in range(8)))
    done = True
    await watching
    # One that was committed later with a lower sequence would have been passed over.
    assert len(seen) == await outbox.backlog() == 200
    ids = [key for key, _ in await stores[0].page(0, 1000)]
    assert ids == list(range(1, 201))


async def test_a_session_that_is_killed_fails_what_is_under_way_and_heals_by_itself(
    databases: tuple[Database, Database],
) -> None:
    database, other = databases
    store = Store(database, lambda *_: None)
    killed = await connection_id(database)

    def work(db: sql.Connection) -> None:
        db.execute(sql.text("UPDATE counters SET last_customer_id = 77"))
        db.execute(sql.select(sql.func.sleep(30)))

    running = sql.text("SELECT count(*) FROM information_schema.processlist WHERE id = :id AND state = 'User sleep'")
    under_way = asyncio.create_task(database.run(work))
    async with asyncio.timeout(10):
        while not await other.run(lambda db: db.scalar(running, {"id": killed})):
            pass
    await other.run(lambda db: db.exec_driver_sql(f"KILL {killed}"))
    with pytest.raises(StoreUnavailableError) as caught:
        await under_way
    assert not isinstance(caught.value, OutcomeUnknownError)
    assert (await store.accept(Change(details("a")))).customer_id == 1


async def test_a_server_that_starts_again_is_found_again(
    databases: tuple[Database, Database], mariadb: MariaDb
) -> None:
    store = Store(databases[0], lambda *_: None)
    await store.accept(Change(details("a")))
    mariadb.kill()
    for _ in range(2):
        with pytest.raises(StoreUnavailableError):
            await store.accept(Change(details("b")))
    mariadb.begin()
    with pytest.raises(StoreUnavailableError):  # of the other connection, which was idle meanwhile
        await databases[1].run(lambda db: db.scalar(sql.select(1)))
    assert (await store.accept(Change(details("c")))).customer_id == 2
    assert await databases[1].run(lambda db: db.scalar(sql.select(1))) == 1


async def test_a_server_that_is_silent_is_given_up_in_time(mariadb: MariaDb) -> None:
    async with Database(mariadb.url):
        pass  # its tables are made, for which a busy disk may take longer
    async with Database(mariadb.url, patience=1.0) as database:
        store = Store(database, lambda *_: None)
        mariadb.pause()
        try:
            with pytest.raises(StoreUnavailableError):
                await asyncio.wait_for(store.is_empty(), 10)
        finally:
            mariadb.resume()
        await store.is_empty()


async def test_a_commit_whose_answer_is_lost_is_told_as_such(databases: tuple[Database, Database]) -> None:
    database, other = databases
    killed = await connection_id(database)

    def lose(connection: sql.Connection) -> None:
        with suppress(OperationalError):
            connection.exec_driver_sql(f"KILL {killed}")

    def work(db: sql.Connection) -> None:
        sql.event.listen(db, "commit", lose)
        db.execute(counters.update().values(last_customer_id=77))

    with pytest.raises(OutcomeUnknownError):
        await database.run(work)
    assert (await Store(other, lambda *_: None).accept(Change(details("a")))).customer_id == 1


async def test_one_who_goes_silent_with_the_lock_does_not_stop_the_others_for_good(
    databases: tuple[Database, Database], mariadb: MariaDb
) -> None:
    locked = asyncio.Event()
    going_on = asyncio.Event()

    async def hold() -> None:
        engine = create_engine(mariadb.url, PATIENCE)
        with engine.connect() as connection:
            connection.execute(sql.text("SELECT * FROM counters FOR UPDATE"))
            locked.set()
            await going_on.wait()
        engine.dispose()

    holding = asyncio.create_task(hold())
    await locked.wait()
    store = Store(databases[0], lambda *_: None)
    try:
        accepted = await store.accept(Change(details("a")))
    except StoreUnavailableError:  # MariaDB's two clocks may disagree, and then the one who waits is asked to try again
        accepted = await store.accept(Change(details("a")))
    assert accepted.customer_id == 1
    going_on.set()
    await asyncio.gather(holding, return_exceptions=True)


@pytest.fixture
async def silent(mariadb: MariaDb) -> AsyncIterator[Database]:
    """A database whose server says nothing any more, once something waits for it; with a patience of 2 s."""
    async with Database(mariadb.url) as database:
        await clear(database)
    async with Database(mariadb.url, patience=2.0) as database:
        mariadb.pause()
        try:
            yield database
        finally:
            mariadb.resume()


async def test_who_waits_for_a_silent_server_is_told_so_in_time_and_nothing_is_done_later(
    silent: Database, mariadb: MariaDb
) -> None:
    store, loop = Store(silent, lambda *_: None), asyncio.get_running_loop()
    began = loop.time()

    async def refused(after: float, asking: Callable[[], Awaitable[object]]) -> float:
        await asyncio.sleep(after)
        asked = loop.time()
        with pytest.raises(StoreUnavailableError):
            await asking()
        return loop.time() - asked

    # One after the other they would take 2 s each, and some of them be changes.
    takes: list[tuple[float, Callable[[], Awaitable[object]]]] = [
        (0.25 * number, lambda: store.accept(Change(details("a")))) for number in range(8)
    ]
    takes += [(0.25 * number, lambda: store.page(0, 10)) for number in range(8)]
    waited = await asyncio.gather(*(refused(*each) for each in takes))
    assert max(waited) < 3
    assert loop.time() - began < 5
    mariadb.resume()
    assert await store.page(0, 10) == []
    assert (await store.accept(Change(details("a")))).customer_id == 1


async def test_a_probe_of_a_silent_server_is_answered_before_the_kubelet_gives_it_up(
    silent: Database,
) -> None:
    store, loop = Store(silent, lambda *_: None), asyncio.get_running_loop()
    change = asyncio.create_task(store.accept(Change(details("a"))))
    for _ in range(3):
        asked = loop.time()
        with pytest.raises(StoreUnavailableError):
            await store.is_empty()
        assert loop.time() - asked < 2
    with pytest.raises(StoreUnavailableError):
        await change


async def test_a_database_is_closed_though_its_server_is_silent(mariadb: MariaDb) -> None:
    async with asyncio.timeout(10):
        async with Database(mariadb.url) as database:
            mariadb.pause()
            asking = [
                asyncio.create_task(database.run(lambda db: db.scalar(sql.select(sql.func.sleep(5))))) for _ in range(3)
            ]
            await asyncio.wait(asking, timeout=0.1)
        outcomes = await asyncio.gather(*asking, return_exceptions=True)
    mariadb.resume()
    assert [type(each) for each in outcomes] == [StoreUnavailableError] * 3


async def test_a_database_whose_server_is_silent_is_not_opened(mariadb: MariaDb) -> None:
    mariadb.pause()
    try:
        async with asyncio.timeout(5):
            with pytest.raises(StoreUnavailableError, match="cannot be opened"):
                async with Database(mariadb.url, patience=1.0):
                    pass
    finally:
        mariadb.resume()


async def test_mysql_is_refused_by_its_name(tmp_path: Path) -> None:
    if not found.mariadbd():
        pytest.skip("needs mariadbd (Debian: mariadb-server)")
    refused = pytest.raises(StoreUnavailableError, match=r"is MySQL 8\.4\.3: CRM needs MariaDB")
    with MariaDb(tmp_path / "mysql", version="8.4.3") as mysql, refused:
        async with Database(mysql.url):
            pass
