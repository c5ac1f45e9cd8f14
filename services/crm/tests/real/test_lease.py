from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import anyio
import pytest
import sqlalchemy as sql
from helpers import IN_MEMORY

from crm.store.database import Database
from crm.store.lease import Lease
from crm.store.tables import relay_lease

pytestmark = pytest.mark.anyio

LONG, SHORT = 60.0, 0.4


@pytest.fixture
async def databases(url: str) -> AsyncIterator[tuple[Database, Database]]:
    """As two processes have them; in memory there is no second one."""
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(Database(url))
        yield first, first if url == IN_MEMORY else await stack.enter_async_context(Database(url))


async def test_of_two_one_has_it(databases: tuple[Database, Database]) -> None:
    one, other = (Lease(database, LONG) for database in databases)
    assert not one.held
    assert await one.take()
    assert not await other.take()
    assert (one.held, other.held) == (True, False)


async def test_it_is_renewed_before_it_is_too_short(databases: tuple[Database, Database]) -> None:
    one, other = Lease(databases[0], LONG), Lease(databases[1], LONG)
    with anyio.fail_after(10):
        assert await one.take()
        await anyio.sleep(0.2)
        while not one.has(LONG - 0.1):
            await one.renew(LONG - 0.1)
    assert not await other.take()


async def test_one_that_is_released_is_free_at_once(databases: tuple[Database, Database]) -> None:
    one, other = (Lease(database, LONG) for database in databases)
    assert await one.take()
    await one.release()
    assert not one.held
    assert await other.take()
    await one.release()
    assert not await one.take()


async def test_of_one_who_died_it_is_free_when_it_has_run_out_and_not_before(
    databases: tuple[Database, Database],
) -> None:
    dead, next_one = (Lease(database, SHORT) for database in databases)
    began = anyio.current_time()
    assert await dead.take()
    with anyio.fail_after(10):
        while not await next_one.take():
            pass
    # The database counts in milliseconds, and from when it is asked.
    assert anyio.current_time() - began >= SHORT - 0.01
    assert not dead.held
    assert not await dead.take()


async def test_there_is_no_moment_at_which_two_have_it(databases: tuple[Database, Database]) -> None:
    """Also where the database's clock counts in milliseconds, and leaves out what is less."""
    with anyio.fail_after(60):
        for _ in range(50):
            one, other = (Lease(database, 0.02) for database in databases)
            while not await one.take():
                pass
            while not await other.take():
                pass
            assert not one.held


async def test_one_that_says_it_lasts_for_years_is_free_when_nobody_has_renewed_it_for_as_long_as_it_lasts(
    databases: tuple[Database, Database],
) -> None:
    dead, next_one = (Lease(database, SHORT) for database in databases)
    assert await dead.take()
    # The clock of the database was wrong, and is right again.
    years = relay_lease.update().values(until=relay_lease.c.until + 1e8)
    await databases[0].run(lambda db: db.execute(years))
    began = anyio.current_time()
    with anyio.fail_after(10):
        while not await next_one.take():
            pass
    assert anyio.current_time() - began >= SHORT
    assert not dead.held
    assert not await dead.take()


async def test_one_that_is_renewed_is_not_taken_however_far_ahead_it_is(
    databases: tuple[Database, Database],
) -> None:
    holder, other = (Lease(database, SHORT) for database in databases)
    assert await holder.take()
    ahead = relay_lease.update().values(until=relay_lease.c.until + 1e8)
    with anyio.move_on_after(3 * SHORT):
        while True:
            await holder.renew(SHORT)  # renewed, since it never lasts as long as that
            assert holder.held
            await databases[0].run(lambda db: db.execute(ahead))
            assert not await other.take()
            await anyio.sleep(0.02)


async def test_a_renewal_that_ends_during_a_release_does_not_undo_it(databases: tuple[Database, Database]) -> None:
    one, other = (Lease(database, LONG) for database in databases)
    assert await one.take()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(one.renew, LONG)
        tasks.start_soon(one.release)
        tasks.start_soon(one.renew, LONG)
    assert not one.held
    assert await other.take()


async def test_it_is_not_had_by_one_who_slept_until_it_had_run_out(
    databases: tuple[Database, Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = databases[0].run

    async def answered_late(work: Callable[[sql.Connection], bool]) -> bool:
        taken = await run(work)
        await anyio.sleep(SHORT)
        return taken

    monkeypatch.setattr(databases[0], "run", answered_late)
    one = Lease(databases[0], SHORT)
    assert not await one.take()
    monkeypatch.undo()
    assert await one.take()
    monkeypatch.setattr(databases[0], "run", answered_late)
    await one.renew(SHORT)
    assert not one.held


async def test_it_is_not_renewed_when_another_had_it_meanwhile(databases: tuple[Database, Database]) -> None:
    one, other = Lease(databases[0], LONG), Lease(databases[1], LONG)
    assert await one.take()
    await databases[0].run(lambda db: db.execute(relay_lease.update().values(until=0.0)))  # its clock was wrong
    assert await other.take()
    await other.release()
    assert one.held
    await one.renew(LONG)
    assert not one.held
    assert await one.take()
