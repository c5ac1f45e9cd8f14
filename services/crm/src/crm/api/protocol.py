"""HTTP/1.1 on one connection, for clients of every kind."""

import asyncio
import json
import logging
from typing import Any

from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from crm.api.problems import MEDIA_TYPE, Problem

log = logging.getLogger(__name__)

HEAD_SECONDS = 10.0
"""From the first byte of a request, or the connection, to the end of the request's head."""

MAX_HEAD = 64 * 1024
"""Bytes; browsers send a few thousand."""


class Protocol(HttpToolsProtocol):
    """Uvicorn's, which waits for ever, and remembers all, until the head of a request is whole."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_size: int | None = None  # of the head that is coming, None if none is
        self._deadline: asyncio.TimerHandle | None = None
        self._active: RequestResponseCycle | None = None  # others that are queued come after it

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        super().connection_lost(exc)
        self._end_of_head()

    def eof_received(self) -> bool:  # type: ignore[override]  # asyncio has it so
        """The client sends no more; a request that is whole is still answered before it is closed."""
        if not self._finish():
            self._abandon()
            return False
        return True

    def on_message_begin(self) -> None:
        """The first byte of a request is here."""
        super().on_message_begin()
        if self._deadline is None:
            self._await_head()
        self._head_size = 0

    def on_headers_complete(self) -> None:
        """The head of a request is here."""
        self._end_of_head()
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        """Refuse a head that is too large, and close what goes silent after its answer."""
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._head_size is not None:
            self._head_size += len(data)
            if self._head_size > MAX_HEAD:
                self._refuse(431, f"The head of the request is larger than {MAX_HEAD} bytes.")
        elif self.cycle is not None and self.cycle.response_complete and self.timeout_keep_alive_task is None:
            # The rest of a body that nobody waits for.
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def send_400_response(self, _: str) -> None:
        """Say, as everywhere, what is wrong."""
        self._refuse(400, "This is not a request of HTTP/1.1.")

    def _unsupported_upgrade_warning(self) -> None:
        """Not worth a line in the log: a client may ask for what this server does not have."""

    def _await_head(self) -> None:
        self._deadline = self.loop.call_later(HEAD_SECONDS, self._head_is_late)

    def _end_of_head(self) -> None:
        self._head_size = None
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _head_is_late(self) -> None:
        if self._head_size is None:
            self.transport.close()
        else:
            self._refuse(408, f"The head of the request did not come within {HEAD_SECONDS:g} seconds.")

    def _refuse(self, status: int, detail: str) -> None:
        """Answer what is no request, after the requests before it, and close."""
        self._end_of_head()
        log.info("request failed", extra={"fields": {"status": status, "reason": detail}})
        if self._finish():
            self.flow.pause_reading()
            return
        if self._active is None or self._active.response_complete or not self._active.response_started:
            body = json.dumps(Problem(status, detail).document()).encode()
            head = f"content-type: {MEDIA_TYPE}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
            self.transport.write(STATUS_LINE[status] + head.encode() + body)
        self._abandon()
        self.transport.close()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._active = cycle
        super()._start_asgi_task(cycle, app)

    def _finish(self) -> bool:
        """Close as soon as the requests that are whole are answered; whether there are any."""
        if self.pipeline and self.pipeline[0][0].more_body:
            self.pipeline.popleft()
        last = self.pipeline[0][0] if self.pipeline else self._active
        if last is None or last.response_complete or last.more_body:
            return False
        last.keep_alive = False
        return True

    def _abandon(self) -> None:
        """What is still done for a request is not answered any more."""
        if self._active is not None:
            self._active.disconnected = True
            self._active.message_event.set()
