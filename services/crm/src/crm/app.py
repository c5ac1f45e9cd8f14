"""Puts the parts together and runs them; nothing else knows all of them."""

import asyncio
import logging
import os
from contextlib import suppress

import uvloop

from crm import log as logs
from crm.api import create_api
from crm.change import Change
from crm.database import Database, StoreUnavailableError
from crm.importer import FlawedFileError, read_customers
from crm.outbox import Outbox
from crm.publisher import DaprPublisher
from crm.relay import Relay
from crm.server import Server
from crm.settings import InvalidSettingError, Settings
from crm.store import Store

log = logging.getLogger(__name__)


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
    except (InvalidSettingError, StoreUnavailableError) as error:
        log.error(str(error))
        return 1
    return 0


async def serve(settings: Settings) -> None:
    """Serve the API and relay events, until SIGTERM or SIGINT and then the outbox is drained.

    Raises FlawedFileError, StoreUnavailableError.
    """
    async with (
        Database.opened(settings.database_url) as database,
        DaprPublisher.opened(
            settings.dapr_http_port, settings.pubsub, settings.topic, settings.dapr_api_token
        ) as publisher,
    ):
        outbox = Outbox(database)
        relay = Relay(outbox, publisher)
        store = Store(database, relay.wake)
        await _import_if_empty(store, settings)
        relaying = asyncio.create_task(relay.run())
        await Server(create_api(store), settings.port).serve()
        relay.drain()
        with suppress(TimeoutError):
            await asyncio.wait_for(relaying, settings.drain_seconds)
        log.info("stopped", extra={"fields": {"unpublished": await outbox.backlog()}})


async def _import_if_empty(store: Store, settings: Settings) -> None:
    """Fill a store without customers from the CSV; one that has some knows better than the file."""
    if await store.is_empty():
        rows = read_customers(settings.customers_csv)
        await store.accept_all([Change(details, customer_id) for customer_id, details in rows])
        fields = {"customers": len(rows), "file": str(settings.customers_csv)}
        log.info("customers imported", extra={"fields": fields})
