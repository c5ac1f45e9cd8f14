"""`POST /mandates`: where the sidecar delivers messages, in bulk or one by one."""

import logging
from collections.abc import Mapping, Sequence
from typing import Final, Literal, NamedTuple, cast

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from iot.consume import consume
from iot.document import JsonObject, UnreadableError, parse_object
from iot.mandate import Mandate
from iot.message import Event, open_envelope, read, text_of
from iot.store import Store
from iot.trace import traceparent

Status = Literal["SUCCESS", "RETRY", "DROP"]
"""Dapr's: done; send it again; done, but it could not be read."""

POSITION: Final = ("__topic", "__partition", "__offset", "__key", "__timestamp")
"""What pubsub.kafka tells of a message, in an entry's metadata or else in the request's headers."""

log = logging.getLogger(__name__)


class Message(NamedTuple):
    """One message as delivered. `metadata` is the broker's (see POSITION), as far as it is told."""

    event: Event
    metadata: Mapping[str, str]


def subscription(store: Store) -> APIRouter:
    """The route that the Subscription resource names."""
    router = APIRouter()

    @router.post("/mandates", include_in_schema=False)
    async def mandates(request: Request) -> Response:
        body = await request.body()
        position = {name: request.headers[name] for name in POSITION if name in request.headers}
        try:
            envelope = parse_object(body)
        except UnreadableError as error:
            _report(position, str(error), body.decode(errors="backslashreplace"))
            return JSONResponse({"status": "DROP"})
        if not isinstance(envelope.get("entries"), list):
            (status,) = await take([Message(envelope, position)], store)
            return JSONResponse({"status": status})
        entries = [e for e in cast("list[object]", envelope["entries"]) if isinstance(e, dict)]
        statuses = await take([_message(entry, envelope) for entry in entries], store)
        return JSONResponse(
            {
                "statuses": [
                    {"entryId": entry.get("entryId"), "status": status}
                    for entry, status in zip(entries, statuses, strict=True)
                ]
            }
        )

    return router


async def take(messages: Sequence[Message], store: Store) -> list[Status]:
    """Takes messages in, and says of each what became of it, in their order.

    What cannot be read is logged with its position, the reason and the raw data, and dropped so
    that the partition goes on.
    """
    given = traceparent.get()
    mandates = [_read(message, given) for message in messages]
    if len(messages) > 1:
        # A write for many belongs to no one event's trace.
        traceparent.set(given)
    unsettled, reason = await consume((m for m in mandates if m), store)
    if unsettled:
        log.warning(
            "mandates could not be stored, the broker is asked to send them again",
            extra={"connections": len(unsettled), "reason": reason},
        )
    return ["DROP" if m is None else "RETRY" if m.connection_id in unsettled else "SUCCESS" for m in mandates]


def _message(entry: JsonObject, envelope: JsonObject) -> Message:
    metadata = entry.get("metadata")
    told = cast("Mapping[str, str]", metadata) if isinstance(metadata, dict) else {}
    return Message(entry.get("event"), {"__topic": str(envelope.get("topic")), **told})


def _read(message: Message, given: str | None) -> Mandate | None:
    """What a message says, None if it cannot be read. Its trace, or else the given, is in hand."""
    traceparent.set(given)
    try:
        envelope = open_envelope(message.event)
        parent = envelope.get("traceparent")
        traceparent.set(parent if isinstance(parent, str) else given)
        return read(envelope, message.metadata)
    except UnreadableError as error:
        _report(message.metadata, str(error), text_of(message.event))
        return None


def _report(metadata: Mapping[str, str], reason: str, raw: str) -> None:
    position = {name.removeprefix("__"): metadata[name] for name in POSITION if name in metadata}
    log.error(
        "a message that cannot be read was dropped",
        extra={"reason": reason, "raw": raw, **position},
    )
