"""`POST /mandates`: where the sidecar delivers messages, in bulk or one by one."""

from collections.abc import Mapping
from typing import Final, cast

import orjson
from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response

from iot.consumer.handler import Answer, Handler
from iot.consumer.message import Message
from iot.consumer.token import HEADER, Token
from iot.domain.document import JsonObject, UnreadableError, parse_object

CONTENT_TYPE: Final = "application/cloudevents+json"
"""Of a message that is delivered by itself; a bulk envelope is JSON."""

POSITION: Final = ("__topic", "__partition", "__offset", "__key", "__timestamp")
"""What the sidecar tells of a message, in an entry's metadata or else in the request's headers."""

_REFUSED: Final = (
    f"only IoT's own sidecar delivers: the header {HEADER.decode()} must have the value of APP_API_TOKEN;"
    " mandates are changed at CRM"
)


router = APIRouter(include_in_schema=False)


@router.post("/mandates")
async def mandates(request: Request) -> Response:
    """Where the Subscription resource leads. What became of each message is told as Dapr wants it.

    The body is read here and not by a model: whatever is in it must get an answer, and a delivery may have a
    thousand messages. Raises HTTPException, 403, before that, when it does not come from the sidecar.
    """
    token: Token = request.state.token
    if not token.proves(request):
        raise HTTPException(403, _REFUSED)
    handler: Handler = request.state.handler
    body = await request.body()
    content = _object(body)
    # One by one, each comes as a CloudEvent, whatever it has inside.
    one = request.headers.get("Content-Type") == CONTENT_TYPE
    if one or not isinstance(content.get("entries"), list):
        position = {name: request.headers[name] for name in POSITION if name in request.headers}
        inner = _unwrapped(content)
        (answer,) = await handler.handle([Message(body if inner is None else inner, position)])
        return _json(_told(answer))
    entries = [e for e in cast("list[object]", content["entries"]) if isinstance(e, dict)]
    answers = await handler.handle([_message(entry, content) for entry in entries])
    statuses = [
        {"entryId": entry.get("entryId"), **_told(answer)} for entry, answer in zip(entries, answers, strict=True)
    ]
    return _json({"statuses": statuses})


def _object(body: bytes) -> JsonObject:
    """The JSON object in a body; an empty one if there is none."""
    try:
        return parse_object(body)
    except UnreadableError:
        return {}


def _unwrapped(content: JsonObject) -> str | None:
    """The bytes, in base64, that a sidecar has put into a CloudEvent of its own: rawPayload without bulk
    (https://github.com/dapr/components-contrib/blob/v1.18.3/pubsub/envelope.go, FromRawPayload)."""
    inner = content.get("data_base64")
    return inner if content.get("source") == "Dapr" and isinstance(inner, str) else None


def _message(entry: JsonObject, envelope: JsonObject) -> Message:
    metadata, topic = entry.get("metadata"), envelope.get("topic")
    told = cast("Mapping[str, str]", metadata) if isinstance(metadata, dict) else {}
    return Message(entry.get("event"), {"__topic": topic, **told} if isinstance(topic, str) else told)


def _told(answer: Answer) -> dict[str, str]:
    return {"status": answer.status, "reason": answer.reason} if answer.reason else {"status": answer.status}


def _json(value: object) -> Response:
    return Response(orjson.dumps(value), media_type="application/json")
