"""Wires the parts together: `uvicorn crm.main:app`."""

import asyncio
import gc
import logging
import signal
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from threading import Event
from typing import Any

from fastapi import FastAPI

from crm.api.app import create_app
from crm.api.state import State
from crm.domain.customers import StoreError
from crm.domain.progress import Progress
from crm.importer.csv_file import CustomersFile, FlawedFileError
from crm.importer.importer import Import
from crm.observability.metrics import Metrics
from crm.relay.dapr_publisher import DaprPublisher
from crm.relay.relay import Relay
from crm.settings import Settings
from crm.store.customers import Store
from crm.store.database import Database
from crm.store.lease import Lease
from crm.store.outbox import Outbox

log = logging.getLogger(__name__)

TURN = 0.0005
"""Seconds after which the database's thread and the event loop take turns. By Python's own 5 ms each waits for the
other: a fifth fewer changes in a file."""

settings = Settings.read()
failed = Event()
"""Set when the service stops because the file or the database cannot be used."""


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[State]:
    """Waits for nothing: while database and file are not ready /readyz says so, and a stop gets through."""
    sys.setswitchinterval(TURN)
    database = Database(settings.database_url)
    outbox = Outbox(database)
    publisher = DaprPublisher(
        settings.dapr_http_port, settings.pubsub, settings.topic, settings.dapr_api_token.get_secret_value()
    )
    relay = Relay(outbox, publisher, Lease(database, settings.lease), settings.lease)
    store, progress = Store(database, relay.take), Progress()

    async def start() -> None:
        """Open the database, begin to relay, and import the file."""
        await opened.enter_async_context(database)
        with CustomersFile.opened(settings.customers_csv) as file:
            importing = Import(file, store, progress)
            contents = await importing.prepare()
            await opened.enter_async_context(publisher)
            opened.push_async_callback(_drain, relay, asyncio.create_task(relay.run()), outbox)
            # What is there by now stays: a full collection that walks it all stops every request for 30 ms.
            gc.freeze()
            if contents:
                await importing.run(contents)

    async with AsyncExitStack() as opened:
        starting = asyncio.create_task(_or_stop(start()))
        yield State(
            customers=store,
            progress=progress,
            metrics=Metrics(outbox, relay, progress),
            app_api_token=settings.app_api_token.get_secret_value(),
        )
        starting.cancel()
        await asyncio.wait([starting])


async def _or_stop(work: Coroutine[Any, Any, None]) -> None:
    """Do `work`; when it fails, stop the server as if it were told to."""
    try:
        await work
    except FlawedFileError as error:
        log.error(str(error), extra={"flaws": [str(flaw) for flaw in error.flaws]})
    except StoreError as error:
        log.error(str(error))
    except Exception:
        log.exception("the service cannot go on")
    else:
        return
    failed.set()
    signal.raise_signal(signal.SIGTERM)


async def _drain(relay: Relay, relaying: "asyncio.Task[None]", outbox: Outbox) -> None:
    """Try to publish what is left, and say how much is left then."""
    relay.drain()
    with suppress(TimeoutError):
        async with asyncio.timeout(settings.drain):
            await relaying
    await relay.resign()
    try:
        log.info("stopped", extra={"unpublished": await outbox.backlog()})
    except StoreError as error:
        log.warning(
            "stopped, and not known how many events are left", extra={"unpublished": None, "reason": str(error)}
        )


app = create_app(lifespan, docs=settings.docs)
