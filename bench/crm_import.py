"""How long a large file of customers takes to be stored, beside a bare loop, and the memory for it."""

import time
from collections.abc import Iterator
from pathlib import Path

from bench import customers
from bench.bare import import_ as bare
from bench.report import Row, Subject, Yardstick
from parts.crm import Crm
from parts.process import until

ROWS = 1_000_000


def _measure(folder: Path) -> Iterator[Row]:
    file = customers.write(folder / "customers.csv", ROWS)
    settings = {"CRM_DATABASE_URL": f"sqlite:///{folder}/crm.db", "CRM_CUSTOMERS_CSV": str(file)}
    crm = Crm(folder / "crm", settings)
    begun = time.monotonic()
    try:
        crm.start()
        until(crm.ready, "all rows are stored", 1200, every=0.2)
        seconds, memory = time.monotonic() - begun, crm.memory()[1]
    finally:
        crm.kill()
    loop = Yardstick("a loop into one table", [bare.seconds(file, folder / "bare.db")])
    yield Row(f"{ROWS:,} rows into a SQLite file", [seconds], "s", loop)
    yield Row("memory at most", [memory], "MB", most=192)


SUBJECT = Subject("CRM: import", _measure)
