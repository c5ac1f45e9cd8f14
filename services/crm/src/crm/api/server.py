"""Uvicorn, set up for this service."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from crm.api.protocol import Protocol
from crm.settings import KEEP_ALIVE_SECONDS

STOP_SECONDS = 10
"""What a request under way is given when the process is told to stop."""


class Server(uvicorn.Server):
    """Serves `api` on all addresses at `port` until SIGTERM or SIGINT, then returns."""

    def __init__(self, api: FastAPI, port: int, keep_alive_seconds: int = KEEP_ALIVE_SECONDS) -> None:
        super().__init__(
            uvicorn.Config(
                api,
                host="",  # a pod is reached by its own addresses, of IPv4 and of IPv6 as far as there are
                port=port,
                http=Protocol,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_keep_alive=keep_alive_seconds,
                timeout_graceful_shutdown=STOP_SECONDS,
            )
        )

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Uvicorn's own raises the signal once more after serving, which would end the process
        with what is in the outbox still there."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield
