"""Puts the parts together and runs them; nothing else knows all of them."""

import asyncio
import gc
import logging
import os
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress

import uvloop

from crm.api.app import create_api
from crm.api.server import Server
from crm.domain.customers import StoreError
from crm.domain.progress import Progress
from crm.importer.csv_file import CustomersFile, FlawedFileError
from crm.importer.importer import Import
from crm.observability import json_log as logs
from crm.observability.metrics import Metrics
from crm.relay.dapr_publisher import DaprPublisher
from crm.relay.ports import SENDING
from crm.relay.relay import Relay
from crm.settings import InvalidSettingError, Settings
from crm.store.customers import Store
from crm.store.database import Database
from crm.store.lease import Lease
from crm.store.outbox import Outbox

log = logging.getLogger(__name__)

LEASE_SECONDS = SENDING + 15
"""So that a relay that is busy renews its lease every quarter of a minute."""


def main() -> int:
    """Run the service until it is told to stop; the process's exit code."""
    logs.configure("info")
    try:
        settings = Settings.read(os.environ)
        logs.configure(settings.log_level)
        uvloop.run(serve(settings))
    except FlawedFileError as error:
        flaws = [str(flaw) for flaw in error.flaws]
        log.error(str(error), extra={"fields": {"flaws": flaws}})
        return 1
    except (InvalidSettingError, StoreError) as error:
        log.error(str(error))
        return 1
    return 0


async def serve(settings: Settings) -> None:
    """Serve the API and relay events, until SIGTERM or SIGINT and then the outbox is drained.

    Raises FlawedFileError, StoreError.
    """
    async with (
        Database.opened(settings.database_url) as database,
        DaprPublisher.opened(
            settings.dapr_http_port, settings.pubsub, settings.topic, settings.dapr_api_token
        ) as publisher,
    ):
        outbox = Outbox(database)
        relay = Relay(outbox, publisher, Lease(database, LEASE_SECONDS))
        store = Store(database, relay.wake)
        progress = Progress()
        with CustomersFile.opened(settings.customers_csv) as file:
            importing = Import(file, store, progress)
            contents = await importing.prepare()
            relaying = asyncio.create_task(relay.run())
            api = create_api(store, progress, Metrics(outbox, relay, progress), settings.app_api_token)
            server = Server(api, settings.port, settings.keep_alive_seconds)
            # What is there by now stays: a full collection that walks it all stops every request for 30 ms.
            gc.freeze()
            async with _aside(importing.run(contents) if contents else None, server):
                await server.serve()
        relay.drain()
        with suppress(TimeoutError):
            async with asyncio.timeout(settings.drain_seconds):
                await relaying
        await relay.resign()
        await _say_what_is_left(outbox)


async def _say_what_is_left(outbox: Outbox) -> None:
    try:
        log.info("stopped", extra={"fields": {"unpublished": await outbox.backlog()}})
    except StoreError as error:
        fields = {"unpublished": None, "reason": str(error)}
        log.warning("stopped, and not known how many events are left", extra={"fields": fields})


@asynccontextmanager
async def _aside(work: Coroutine[None, None, None] | None, server: Server) -> AsyncIterator[None]:
    """Runs `work` meanwhile; what it raises stops `server` and is raised when that has ended."""
    if work is None:
        yield
        return
    task = asyncio.create_task(work)

    def ended(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception():
            server.should_exit = True

    task.add_done_callback(ended)
    yield
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
