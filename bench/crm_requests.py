"""How many changes CRM accepts, while it relays their events, by store; and its memory meanwhile."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from bench import customers, wrk
from bench.report import Row, Subject
from parts.kafka import Kafka
from parts.mariadb import MariaDb
from parts.stack import Stack

REPEATS, SECONDS, WARM_UP = 3, 6, 2


def _measure(folder: Path) -> Iterator[Row]:
    with Kafka(folder / "kafka") as broker:
        few, many = "300 customers", "100,000 customers"
        yield from _loaded(folder / "memory-few", broker, 300, f"in memory, {few}", change=1900, new=1000, first=True)
        yield from _loaded(folder / "memory-many", broker, 100_000, f"in memory, {many}", new=1000)
        file = f"sqlite+aiosqlite:///{folder}/crm.db"
        yield from _loaded(folder / "file", broker, 300, f"SQLite file, {few}", url=file, change=500, new=500)
        with MariaDb(folder / "mariadb") as mariadb:
            yield from _loaded(folder / "server", broker, 300, f"MariaDB, {few}", url=mariadb.url, change=500)


def _loaded(
    folder: Path,
    broker: Kafka,
    begin: int,
    store: str,
    *,
    url: str | None = None,
    change: float | None = None,
    new: float | None = None,
    first: bool = False,
) -> Iterator[Row]:
    """The rows of one store; `change` and `new` are the rates asked for, None for what is not measured."""
    folder.mkdir()
    settings = {"CRM_DATABASE_URL": url} if url else {}
    with ExitStack() as running:
        stack = Stack(broker, folder, running)
        file = customers.write(folder / "customers.csv", begin)
        crm, _ = stack.add("crm", {"CRM_CUSTOMERS_CSV": str(file), **settings})
        stack.relayed(begin)
        if first:
            idle, _ = crm.memory()
            yield Row("memory, idle", [idle], "MB", most=80, lab="77 MB")
        wanted = {"change": (customers.CHANGE % {"customers": begin}, change), "new": (customers.NEW % {}, new)}
        labs = {"change": "1,926/s, p99 28.5 ms", "new": "1,002/s, p99 44.8 ms"}
        for kind, (script, least) in wanted.items():
            if least is None:
                continue
            wrk.run(crm.url, script, folder, WARM_UP)
            loads = [wrk.run(crm.url, script, folder, SECONDS) for _ in range(REPEATS)]
            yield Row(f"{kind}, {store}", [load.rate for load in loads], "/s", least=least, lab=labs[kind])
            yield Row(f"{kind}, {store}: p50", [load.p50 for load in loads], "ms")
            yield Row(f"{kind}, {store}: p99", [load.p99 for load in loads], "ms", most=45)
            # New customers stay, in memory themselves where that is the store.
            bound = 80 if kind == "change" else None
            yield Row(f"{kind}, {store}: memory at most by then", [crm.memory()[1]], "MB", most=bound, lab="210 MB")


SUBJECT = Subject("CRM: changes from 16 connections (wrk), relayed meanwhile through Dapr to Kafka", _measure)
