"""How long a large file of customers takes to be stored, and the memory for it."""

import time
from collections.abc import Iterator
from pathlib import Path

from bench import customers
from bench.report import Row, Subject
from parts.crm import Crm
from parts.process import until

ROWS = 1_000_000


def _measure(folder: Path) -> Iterator[Row]:
    file = customers.write(folder / "customers.csv", ROWS)
    settings = {"CRM_DATABASE_URL": f"sqlite+aiosqlite:///{folder}/crm.db", "CRM_CUSTOMERS_CSV": str(file)}
    crm = Crm(folder / "crm", settings)
    begun = time.monotonic()
    try:
        crm.start()
        until(crm.ready, "all rows are stored", 1200, every=0.2)
        yield Row(f"{ROWS:,} rows into a SQLite file", [time.monotonic() - begun], "s")
        yield Row("memory at most", [crm.memory()[1]], "MB", most=192)
    finally:
        crm.kill()


SUBJECT = Subject("CRM: import", _measure)
