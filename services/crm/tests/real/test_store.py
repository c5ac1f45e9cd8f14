import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sql
from helpers import IN_MEMORY, details

from crm.domain.change import (
    Accepted,
    Change,
    KeyReusedError,
    KnownCustomerError,
    NoIdLeftError,
    RequestKey,
    UnknownCustomerError,
)
from crm.domain.customer import LAST_ID, parsed_id
from crm.domain.customers import StoreUnavailableError, StoreUnfitError
from crm.store import changes as stored
from crm.store import customers as store_module
from crm.store.customers import Store
from crm.store.database import Database
from crm.store.outbox import Outbox
from crm.store.tables import answers, counters, customers

pytestmark = pytest.mark.anyio

EVERYTHING = 1_000_000


async def ids(store: Store) -> list[int]:
    return [key for key, _ in await store.page(0, EVERYTHING)]


async def test_sixteen_at_once_get_sixteen_ids_in_a_row(store: Store, outbox: Outbox) -> None:
    asked = [Change(details(f"c{number}")) for number in range(16)]
    accepted = await asyncio.gather(*(store.accept(change) for change in asked))
    assert sorted(each.customer_id for each in accepted) == list(range(1, 17))
    assert len(await outbox.pending(0, EVERYTHING)) == 16


async def test_the_next_id_is_one_above_the_highest(store: Store) -> None:
    await store.accept(Change(details("a"), 41))
    assert (await store.accept(Change(details("b")))).customer_id == 42


async def test_one_who_is_not_there_fails_alone(store: Store) -> None:
    results = await asyncio.gather(
        store.accept(Change(details("a"))),
        store.accept(Change(details("b"), 7, new=False)),
        store.accept(Change(details("c"))),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [Accepted, UnknownCustomerError, Accepted]


async def test_a_caller_who_gives_up_stops_no_one_else(store: Store) -> None:
    first = asyncio.create_task(store.accept(Change(details("a"))))
    second = asyncio.create_task(store.accept(Change(details("b"))))
    await asyncio.sleep(0)  # both are in one batch now
    first.cancel()
    assert (await second).customer_id == 2
    assert await ids(store) == [1, 2]


async def test_a_transaction_whose_caller_gives_up_does_not_cost_a_database_in_memory(
    database: Database, store: Store
) -> None:
    begun = asyncio.Event()

    def work(db: sql.Connection) -> None:
        begun.set()
        db.execute(customers.update().values(mandate="2"))

    await store.accept(Change(details("a")))
    caller = asyncio.create_task(database.run(work))
    await begun.wait()
    caller.cancel()
    await asyncio.gather(caller, return_exceptions=True)
    query = sql.select(customers.c.mandate)
    assert await database.run(lambda db: db.execute(query).scalars().all()) == ["2"]


async def test_a_failed_transaction_is_told_to_all_and_leaves_nothing(
    database: Database, store: Store, outbox: Outbox
) -> None:
    await store.accept(Change(details("a")))
    await database.run(lambda db: db.exec_driver_sql("ALTER TABLE outbox RENAME TO away"))
    results = await asyncio.gather(*(store.accept(Change(details(each))) for each in "bcd"), return_exceptions=True)
    assert [type(result) for result in results] == [StoreUnfitError] * 3
    await database.run(lambda db: db.exec_driver_sql("ALTER TABLE away RENAME TO outbox"))
    assert await ids(store) == [1]
    assert [event.connection_id for event in await outbox.pending(0, EVERYTHING)] == ["a"]
    assert (await store.accept(Change(details("e")))).customer_id == 2


async def test_it_says_when_there_are_events_and_only_then(database: Database) -> None:
    told: list[None] = []
    store = Store(database, lambda *_: told.append(None))
    await store.accept(Change(details("a")))
    await store.accept(Change(details("a", city="Zeist"), 1, new=False))
    assert len(told) == 1
    await store.accept_all([Change(details("a", city="Soest"), 1, new=False), Change(details("b"))])
    assert len(told) == 2


async def test_the_sequence_goes_on_growing_after_a_restart_with_nothing() -> None:
    last = 0
    for _ in range(3):
        async with Database(IN_MEMORY) as database:
            store = Store(database, lambda *_: None)
            for each in "ab":
                (event,) = (await store.accept(Change(details(each)))).events
                assert event.sequence > last
                last = event.sequence


async def test_a_file_keeps_customers_events_and_the_last_sequence(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/crm.db"
    far_ahead = 9_000_000_000_000_000
    async with Database(url) as database:
        accepted = await Store(database, lambda *_: None).accept(Change(details("a")))
        await database.run(lambda db: db.execute(counters.update().values(last_sequence=far_ahead)))
    async with Database(url) as database:
        store = Store(database, lambda *_: None)
        assert await store.find(1) == accepted.document
        assert await Outbox(database).pending(0, EVERYTHING) == list(accepted.events)
        change = Change(details("a", "2"), 1, new=False)
        assert (await store.accept(change)).events[0].sequence == far_ahead + 1


async def test_a_database_that_cannot_be_opened_is_said_to_be_so() -> None:
    with pytest.raises(StoreUnavailableError, match="cannot be opened"):
        async with Database("sqlite:////nowhere/crm.db"):
            pass


async def test_a_page_has_the_next_by_rising_id(store: Store) -> None:
    for key in (3, 1, 2):
        await store.accept(Change(details("a"), key))
    assert [key for key, _ in await store.page(0, 2)] == [1, 2]
    assert [key for key, _ in await store.page(2, 2)] == [3]
    assert await store.count() == 3


async def test_an_id_is_given_once(store: Store) -> None:
    await store.accept(Change(details("a"), 1))
    with pytest.raises(KnownCustomerError):
        await store.accept(Change(details("b"), 1))


async def test_a_key_of_another_request_is_refused_and_blanks_and_case_make_another_key(store: Store) -> None:
    await store.accept(Change(details("a"), key=RequestKey("key", "one")))
    with pytest.raises(KeyReusedError):
        await store.accept(Change(details("b"), key=RequestKey("key", "other")))
    for text in ("Key", "key "):
        assert not (await store.accept(Change(details("a"), key=RequestKey(text, "one")))).replayed


async def test_of_two_at_once_with_one_key_one_is_replayed(store: Store, outbox: Outbox) -> None:
    change = Change(details("a"), key=RequestKey("key", "one"))
    outcomes = await asyncio.gather(*(store.accept(change) for _ in range(8)))
    assert {outcome.document for outcome in outcomes} == {outcomes[0].document}
    assert sum(outcome.replayed for outcome in outcomes) == 7
    assert await outbox.backlog() == 1


async def test_a_refused_request_does_not_use_its_key_up(store: Store) -> None:
    change = Change(details("a"), 1, new=False, key=RequestKey("key", "one"))
    with pytest.raises(UnknownCustomerError):
        await store.accept(change)
    await store.accept(Change(details("b")))
    assert not (await store.accept(change)).replayed


async def test_an_answer_is_forgotten_after_a_day(database: Database) -> None:
    async def swept(days: float) -> int:
        now = datetime.now(UTC) + timedelta(days=days)
        await database.run(lambda db: db.execute(stored.old_answers(now)))
        query = sql.select(sql.func.count()).select_from(answers)
        return await database.run(lambda db: db.scalar(query)) or 0

    store = Store(database, lambda *_: None)
    await store.accept(Change(details("a"), key=RequestKey("key", "one")))
    assert await swept(0.99) == 1
    assert await swept(1.01) == 0


async def test_old_answers_are_forgotten_when_new_ones_come(store: Store, database: Database) -> None:
    await store.accept(Change(details("a"), key=RequestKey("old", "one")))
    await database.run(lambda db: db.execute(answers.update().values(expires=1)))
    again = Store(database, lambda *_: None)
    await again.accept(Change(details("a"), key=RequestKey("new", "one")))
    assert not (await again.accept(Change(details("a"), key=RequestKey("old", "other")))).replayed


async def test_an_answer_that_is_old_enough_is_given_no_more_though_it_is_still_there(
    store: Store, database: Database
) -> None:
    key = RequestKey("key", "one")
    await store.accept(Change(details("a"), key=key))  # and the next sweep is a minute away
    await database.run(lambda db: db.execute(answers.update().values(expires=1)))
    again = await store.accept(Change(details("a"), key=key))
    assert (again.customer_id, again.replayed) == (2, False)
    assert (await store.accept(Change(details("a"), key=key))).replayed
    await database.run(lambda db: db.execute(answers.update().values(expires=1)))
    assert (await store.accept(Change(details("b"), key=RequestKey("key", "other")))).customer_id == 3


async def test_a_change_is_stored_whatever_comes_of_the_sweep_after_it(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    nowhere = sql.delete(sql.Table("nowhere", sql.MetaData()))
    monkeypatch.setattr(stored, "old_answers", lambda _: nowhere)
    assert (await store.accept(Change(details("a"), key=RequestKey("key", "one")))).customer_id == 1
    await store.accept(Change(details("b")))  # it comes after the sweep
    assert "old answers not forgotten" in caplog.text


async def test_two_who_have_imported_a_file_at_the_same_time_both_note_it(store: Store, url: str) -> None:
    if url == IN_MEMORY:
        pytest.skip("is one process's own")
    async with Database(url) as database:
        other = Store(database, lambda *_: None)
        await asyncio.gather(*(each.end_import("digest") for each in (store, other) for _ in range(5)))
    assert await store.has_imported("digest")


@pytest.mark.parametrize(
    "wrong",
    [
        "ALTER TABLE outbox RENAME TO away",
        "ALTER TABLE outbox DROP COLUMN mandate",
        "ALTER TABLE outbox RENAME COLUMN traceparent TO parent",
        "UPDATE counters SET last_customer_id = 0",  # the next customer has the id of one who is there
    ],
)
async def test_a_database_that_is_not_as_it_must_be_is_told_as_such(
    database: Database, store: Store, wrong: str
) -> None:
    await store.accept(Change(details("a")))
    await database.run(lambda db: db.exec_driver_sql(wrong))
    with pytest.raises(StoreUnfitError, match="not as CRM needs it") as caught:
        await store.accept(Change(details("b", firstName="Molly")))
    assert "Molly" not in str(caught.value)
    assert await ids(store) == [1]


async def test_one_that_has_no_room_is_asked_again(database: Database, store: Store, url: str) -> None:
    if "sqlite" not in url:
        pytest.skip("a disk cannot be filled here")
    await database.run(lambda db: db.exec_driver_sql("PRAGMA max_page_count = 1"))
    many = [Change(details(str(number), note="x" * 1000)) for number in range(1000)]
    with pytest.raises(StoreUnavailableError, match="full"):
        await store.accept_all(many)
    await database.run(lambda db: db.exec_driver_sql("PRAGMA max_page_count = 1000000"))
    assert len(await store.accept_all(many)) == 1000


async def test_no_more_wait_than_can_be_kept(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "MOST_WAITING", 3)
    asked = [asyncio.create_task(store.accept(Change(details("a")))) for _ in range(5)]
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(each) for each in outcomes] == [Accepted] * 3 + [StoreUnavailableError] * 2
    assert await ids(store) == [1, 2, 3]
    assert (await store.accept(Change(details("a")))).customer_id == 4


async def test_when_all_ids_are_given_no_customer_is_made_whom_nobody_can_name(store: Store) -> None:
    await store.begin_import("digest", LAST_ID - 1)
    last = await store.accept(Change(details("a")))
    assert last.customer_id == LAST_ID == parsed_id(str(LAST_ID))
    with pytest.raises(NoIdLeftError):
        await store.accept(Change(details("b")))
    assert await store.count() == 1
