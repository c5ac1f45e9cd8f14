"""The command side without events: each request is one row in one transaction, on one connection, as CRM has it.

SQLite is asked where the request is: its threads would take longer than it does. MariaDB is waited for in one.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

import sqlalchemy as sql
from fastapi import FastAPI

CUSTOMERS, URL = int(os.environ["CUSTOMERS"]), sql.make_url(os.environ["DATABASE_URL"])

customers = sql.Table(
    "bare_customers",
    sql.MetaData(),
    sql.Column("id", sql.Integer, primary_key=True),
    *(sql.Column(name, sql.String(100)) for name in ("firstName", "lastName", "street", "postalCode", "city")),
    *(sql.Column(name, sql.String(100)) for name in ("connectionId", "connectionMandate")),
)


def _fill(db: sql.Connection) -> None:
    customers.metadata.create_all(db)
    rows = [{"connectionId": f"c-{number}", "connectionMandate": "1"} for number in range(1, CUSTOMERS + 1)]
    db.execute(customers.insert(), rows)
    db.commit()


def _run(db: sql.Connection, statement: sql.Insert | sql.Update) -> int:
    with db.begin():
        return int(db.execute(statement).lastrowid or 0)


@asynccontextmanager
async def _with_store(app: FastAPI) -> AsyncIterator[None]:
    if URL.get_backend_name() == "sqlite":
        with sql.create_engine(URL.set(drivername="sqlite")).connect() as db:
            db.exec_driver_sql("PRAGMA journal_mode = WAL")
            db.commit()
            _fill(db)

            async def run(statement: sql.Insert | sql.Update) -> int:
                return _run(db, statement)

            app.state.run = run
            yield
    else:
        with ThreadPoolExecutor(1) as thread, sql.create_engine(URL).connect() as server:
            _fill(server)

            async def wait(statement: sql.Insert | sql.Update) -> int:
                return await asyncio.get_running_loop().run_in_executor(thread, _run, server, statement)

            app.state.run = wait
            yield


app = FastAPI(lifespan=_with_store)


@app.post("/customers/{customer_id}")
async def change(customer_id: int, customer: dict[str, str]) -> dict[str, str]:
    """Change a customer."""
    await app.state.run(customers.update().where(customers.c.id == customer_id).values(customer))
    return {"customerId": str(customer_id), **customer}


@app.post("/customers", status_code=201)
async def create(customer: dict[str, str]) -> dict[str, str]:
    """Make a new customer."""
    return {"customerId": str(await app.state.run(customers.insert().values(customer))), **customer}
