"""How many changes CRM accepts, while it relays their events, by store, beside a bare app; and its memory meanwhile."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench import customers, wrk
from bench.bare.app import App
from bench.connection import Connection
from bench.report import Row, Subject
from parts.crm import Crm
from parts.kafka import Kafka
from parts.mariadb import MariaDb
from parts.process import until
from parts.stack import Stack

REPEATS, SECONDS, WARM_UP = 3, 5, 2
_LAB = {"change": "1,926/s, p99 28.5 ms", "new": "1,002/s, p99 44.8 ms"}
_BOTH = ("change", "new")


@dataclass(frozen=True, slots=True)
class _Case:
    """A store by its name, the URL of a file or database in it, its customers at first, and what is asked of it."""

    store: str
    url: str
    customers: int
    kinds: tuple[str, ...]


def _measure(folder: Path) -> Iterator[Row]:
    memory, file = "sqlite://", "sqlite:///{}.db"
    with Kafka(folder / "kafka") as broker, MariaDb(folder / "mariadb") as mariadb:
        for name, case in {
            "few": _Case("in memory, 300 customers", memory, 300, _BOTH),
            "many": _Case("in memory, 100,000 customers", memory, 100_000, ("new",)),
            "file": _Case("SQLite file, 300 customers", file, 300, _BOTH),
            "server": _Case("MariaDB, 300 customers", mariadb.url, 300, ("change",)),
        }.items():
            yield from _loaded(folder / name, broker, case)


def _loaded(folder: Path, broker: Kafka, case: _Case) -> Iterator[Row]:
    """The rows of one store."""
    folder.mkdir()
    with ExitStack() as running:
        stack = Stack(broker, folder, running)
        file = customers.write(folder / "customers.csv", case.customers)
        settings = {"CRM_CUSTOMERS_CSV": str(file), "CRM_DATABASE_URL": case.url.format(folder / "crm")}
        crm, _ = stack.add("crm", settings)
        of_bare = {"CUSTOMERS": str(case.customers), "DATABASE_URL": case.url.format(folder / "bare")}
        bare = running.enter_context(App(folder, "crm_rows", of_bare))
        stack.relayed(case.customers)
        if folder.name == "few":
            yield Row("memory, idle", [crm.memory()[0]], "MB", most=80, lab="77 MB")
        scripts = {"change": customers.CHANGE % {"customers": case.customers}, "new": customers.NEW % {}}
        for kind in case.kinds:
            yield from _beside(crm, bare, kind, f"{kind}, {case.store}", scripts[kind], folder)


def _beside(crm: Crm, bare: App, kind: str, what: str, script: str, folder: Path) -> Iterator[Row]:
    """The rows of one kind of requests: of CRM and of the bare app in turns."""
    pairs = []
    for seconds in (WARM_UP, *[SECONDS] * REPEATS):
        mine = wrk.run(crm.url, script, folder, seconds)
        with Connection(crm.port) as asking:
            until(lambda: asking.metric("crm_outbox_events") == 0, "all events are relayed", 120)
        pairs.append((mine, wrk.run(bare.url, script, folder, seconds)))
    yield from wrk.rows(what, pairs[1:], "an app with a row for each", least=0.9, most=1.5, lab=_LAB[kind])
    # New customers stay, in memory themselves where that is the store.
    bound = 80 if kind == "change" else None
    yield Row(f"{what}: memory at most by then", [crm.memory()[1]], "MB", most=bound, lab="210 MB")


SUBJECT = Subject("CRM: changes from 16 connections (wrk), relayed meanwhile through Dapr to Kafka", _measure)
