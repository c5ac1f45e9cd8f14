from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import anyio
import pytest
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
    assert await one.lasts(1)
    assert not await other.lasts(1)
    assert (one.held, other.held) == (True, False)


async def test_it_is_renewed_before_it_is_too_short(databases: tuple[Database, Database]) -> None:
    one, other = Lease(databases[0], LONG), Lease(databases[1], LONG)
    with anyio.fail_after(10):
        assert await one.lasts(LONG - 0.1)
        await anyio.sleep(0.2)
        assert await one.lasts(LONG - 0.1)
    assert not await other.lasts(1)


async def test_one_that_is_released_is_free_at_once(databases: tuple[Database, Database]) -> None:
    one, other = (Lease(database, LONG) for database in databases)
    assert await one.lasts(1)
    await one.release()
    assert not one.held
    assert await other.lasts(1)
    await one.release()
    assert not await one.lasts(1)


async def test_of_one_who_died_it_is_free_when_it_has_run_out_and_not_before(
    databases: tuple[Database, Database],
) -> None:
    dead, next_one = (Lease(database, SHORT) for database in databases)
    began = anyio.current_time()
    assert await dead.lasts(0.1)
    with anyio.fail_after(10):
        while not await next_one.lasts(0.1):
            pass
    # The database counts in milliseconds, and from when it is asked.
    assert anyio.current_time() - began >= SHORT - 0.01
    assert not dead.held
    assert not await dead.lasts(0.1)


async def test_there_is_no_moment_at_which_two_have_it(databases: tuple[Database, Database]) -> None:
    """Also where the database's clock counts in milliseconds, and leaves out what is less."""
    with anyio.fail_after(60):
        for _ in range(50):
            one, other = (Lease(database, 0.02) for database in databases)
            while not await one.lasts(0):
                pass
            while not await other.lasts(0):
                pass
            assert not one.held


async def test_one_that_says_it_lasts_for_years_is_free_when_nobody_has_renewed_it_for_as_long_as_it_lasts(
    databases: tuple[Database, Database],
) -> None:
    dead, next_one = (Lease(database, SHORT) for database in databases)
    assert await dead.lasts(0.1)
    # The clock of the database was wrong, and is right again.
    years = relay_lease.update().values(until=relay_lease.c.until + 1e8)
    await databases[0].run(lambda db: db.execute(years))
    began = anyio.current_time()
    with anyio.fail_after(10):
        while not await next_one.lasts(0.1):
            pass
    assert anyio.current_time() - began >= SHORT
    assert not dead.held
    assert not await dead.lasts(0.1)


async def test_one_that_is_renewed_is_not_taken_however_far_ahead_it_is(
    databases: tuple[Database, Database],
) -> None:
    holder, other = (Lease(database, SHORT) for database in databases)
    ahead = relay_lease.update().values(until=relay_lease.c.until + 1e8)
    with anyio.move_on_after(3 * SHORT):
        while True:
            assert await holder.lasts(SHORT - 0.01)
            await databases[0].run(lambda db: db.execute(ahead))
            assert not await other.lasts(0.1)
            await anyio.sleep(0.02)


async def test_a_renewal_that_ends_during_a_release_does_not_undo_it(databases: tuple[Database, Database]) -> None:
    one, other = (Lease(database, LONG) for database in databases)
    assert await one.lasts(1)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(one.lasts, LONG)
        tasks.start_soon(one.release)
    assert not one.held
    assert await other.lasts(1)
