import asyncio
import json
import logging
from collections.abc import Sequence
from pathlib import Path

import pytest
from helpers import IN_MEMORY, details

from crm.domain.change import Accepted, Change
from crm.domain.customers import StoreUnavailableError
from crm.domain.ledger import Outcome
from crm.domain.progress import Progress
from crm.importer import importer
from crm.importer.csv_file import CustomersFile, FlawedFileError
from crm.importer.importer import Import
from crm.store.customers import Store
from crm.store.database import Database
from crm.store.outbox import Outbox

pytestmark = pytest.mark.anyio

HEADER = "customerId,firstName,connectionId,connectionMandate\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "customers.csv"


def write(file: Path, text: str) -> None:
    file.write_text(text)


async def imported(store: Store, path: Path) -> Progress:
    """The progress when all of the file at `path` was imported into `store`."""
    progress = Progress()
    with CustomersFile.opened(path) as file:
        run = Import(file, store, progress)
        contents = await run.prepare()
        assert progress.finished == (contents is None)
        if contents:
            await run.run(contents)
    assert progress.finished
    return progress


async def names(store: Store) -> dict[int, str]:
    return {key: json.loads(text).get("firstName", "") for key, text in await store.page(0, 100)}


async def test_an_empty_store_gets_all_rows_and_announces_them_in_order(
    store: Store, outbox: Outbox, file: Path
) -> None:
    write(file, HEADER + ",Ann,a,0\n9,Bo,b,1\n,Cy,c,2\n")
    progress = await imported(store, file)
    assert (progress.rows, progress.total) == (3, 3)
    assert await names(store) == {9: "Bo", 10: "Ann", 11: "Cy"}
    assert [event.connection_id for event in await outbox.pending(0, 9)] == ["a", "b", "c"]


async def test_only_what_is_new_is_added_to_a_store_that_has_customers(
    store: Store, outbox: Outbox, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    for each in "ab":
        await store.accept(Change(details(each, firstName="known")))
    write(file, HEADER + "1,Ann,z,0\n7,Bo,z,1\n,Cy,c,2\n")
    await imported(store, file)
    # Nothing would tell whether a row without an id was there before.
    assert await names(store) == {1: "known", 2: "known", 7: "Bo"}
    assert [event.connection_id for event in await outbox.pending(0, 9)] == ["a", "b", "z"]
    (line,) = (record for record in caplog.records if record.message == "customers imported")
    counted = {name: vars(line)[name] for name in ("rows", "of", "customers", "known", "withoutId")}
    assert counted == {"rows": 3, "of": 3, "customers": 1, "known": 1, "withoutId": 1}


async def test_the_same_file_again_adds_and_announces_nothing(store: Store, outbox: Outbox, file: Path) -> None:
    write(file, HEADER + ",Ann,a,0\n,Ann,a,0\n,Bo,b,1\n")
    await imported(store, file)
    before = await store.page(0, 9), await outbox.backlog()
    assert len(before[0]) == 3
    await imported(store, file)
    assert (await store.page(0, 9), await outbox.backlog()) == before


async def test_a_file_that_grew_adds_the_ids_it_grew_by(store: Store, file: Path) -> None:
    write(file, HEADER + ",Ann,a,0\n")
    await imported(store, file)
    write(file, HEADER + ",Ann,a,0\n7,Bo,b,1\n,Cy,c,1\n")
    await imported(store, file)
    assert await names(store) == {1: "Ann", 7: "Bo"}


async def test_an_import_that_was_killed_goes_on(
    store: Store, file: Path, monkeypatch: pytest.MonkeyPatch, outbox: Outbox
) -> None:
    monkeypatch.setattr(importer, "ROWS_AT_ONCE", 2)
    rows = [f"{n if n % 2 else ''},N{n % 3},c{n},1\n" for n in range(1, 10)]
    write(file, HEADER + "".join(rows))
    accept_all, left = store.accept_all, 2

    async def killed(changes: Sequence[Change]) -> list[Outcome]:
        nonlocal left
        left -= 1
        if left < 0:
            raise asyncio.CancelledError
        return await accept_all(changes)

    monkeypatch.setattr(store, "accept_all", killed)
    with pytest.raises(asyncio.CancelledError):
        await imported(store, file)
    assert len(await names(store)) == 4
    monkeypatch.setattr(store, "accept_all", accept_all)
    await imported(store, file)
    assert len(await names(store)) == await outbox.backlog() == 9
    assert sorted(await names(store)) == [1, 3, 5, 7, 9, 10, 11, 12, 13]


async def test_a_store_that_is_away_for_a_while_is_waited_for(
    store: Store, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importer, "PAUSE", 0.001)
    write(file, HEADER + ",Ann,a,0\n,Bo,b,0\n")
    accept_all, fates = store.accept_all, iter(["refused", "answer lost"])

    async def flaky(changes: Sequence[Change]) -> list[Outcome]:
        fate = next(fates, None)
        outcomes = [] if fate == "refused" else await accept_all(changes)
        if fate:
            raise StoreUnavailableError(fate)
        return outcomes

    monkeypatch.setattr(store, "accept_all", flaky)
    await imported(store, file)
    assert await names(store) == {1: "Ann", 2: "Bo"}


async def test_a_new_customer_takes_no_id_that_the_file_still_needs(file: Path) -> None:
    write(file, HEADER + "41,Ann,a,0\n")
    async with Database(IN_MEMORY) as database:
        store = Store(database, lambda *_: None)
        await store.begin_import("digest", 41)
        (accepted,) = await store.accept_all([Change(details("b"))])
        assert isinstance(accepted, Accepted)
        assert accepted.customer_id == 42
        await imported(store, file)
        assert (await names(store))[41] == "Ann"


async def test_connections_that_rows_share_are_warned_of_by_name(
    store: Store, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(file, HEADER + ",Ann,a,0\n9,Bo,b,1\n,Cy,a,2\n,Dee,c,1\n8,Eve,b,0\n,Fay,b,0\n")
    await imported(store, file)
    (warning,) = (record for record in caplog.records if record.levelname == "WARNING")
    fields = vars(warning)
    assert (fields["rows"], fields["connections"]) == (5, 2)
    assert fields["lines"] == {"a": (2, 4), "b": (3, 6, 7)}


async def test_of_many_connections_that_rows_share_the_first_are_named(
    store: Store, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(file, HEADER + "".join(f",Ann,c{number // 9},0\n" for number in range(900)))
    await imported(store, file)
    (warning,) = (record for record in caplog.records if record.levelname == "WARNING")
    fields = vars(warning)
    assert (fields["rows"], fields["connections"]) == (900, 100)
    assert fields["lines"] == {f"c{each}": tuple(range(2 + 9 * each, 7 + 9 * each)) for each in range(5)}


async def test_a_file_that_has_changed_since_it_was_checked_ends_the_import(store: Store, file: Path) -> None:
    write(file, HEADER + "1,Ann,a,0\n")
    with CustomersFile.opened(file) as opened:
        run = Import(opened, store, Progress())
        contents = await run.prepare()
        assert contents
        write(file, HEADER + "1,Ann,a,7\n")
        with pytest.raises(FlawedFileError):
            await run.run(contents)
