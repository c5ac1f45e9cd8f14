"""Reading one message of the topic: a CloudEvents 1.0 envelope around a connection mandate."""

import base64
import json
from collections.abc import Mapping
from typing import Final, cast

from iot.connection import key_of
from iot.document import JsonObject, UnreadableError, parse_object
from iot.mandate import LEVELS, Arrival, Mandate, is_level

TYPE: Final = "com.mandates.connection-mandate."
VERSION: Final = "v1"
MAX_SEQUENCE: Final = 2**63 - 1
_MAX_DIGITS: Final = len(str(MAX_SEQUENCE))

Event = object
"""The envelope as the sidecar hands it over: a JSON object, or its bytes in base64 (rawPayload)."""


def open_envelope(event: Event) -> JsonObject:
    """The envelope of an event. Raises UnreadableError when there is no JSON object in it."""
    return cast("JsonObject", event) if isinstance(event, dict) else parse_object(_raw(event))


def read(envelope: JsonObject, metadata: Mapping[str, str]) -> Mandate:
    """What a message says.

    `metadata` is the broker's, with `__timestamp` (milliseconds), `__partition` and `__offset` as
    decimal text, each optional. Accepted are `data` as an object or as JSON text in a string (so
    the lab's own CRM sends it); `sequence` a decimal string, an integer or absent; any `type`,
    except another version of this event's own.

    Raises UnreadableError for what cannot be read.
    """
    kind = envelope.get("type")
    if isinstance(kind, str) and kind.startswith(TYPE) and kind != TYPE + VERSION:
        raise UnreadableError(f"type {kind!r} is not a version that is understood, {VERSION} is")
    data = _data(envelope)
    connection_id, level = data.get("connectionId"), data.get("connectionMandate")
    if not isinstance(connection_id, str):
        raise UnreadableError("data.connectionId is not a string")
    key_of(connection_id)
    if not is_level(level):
        raise UnreadableError(f"data.connectionMandate is not one of the strings {', '.join(LEVELS)}")
    return Mandate(connection_id, level, _sequence(envelope), _arrival(metadata))


def text_of(event: Event) -> str:
    """An event as text for people, whatever it is: as it was published, as far as that is known."""
    try:
        return _raw(event).decode(errors="backslashreplace")
    except UnreadableError:
        return event if isinstance(event, str) else json.dumps(event)


def _raw(event: Event) -> bytes:
    if not isinstance(event, str):
        raise UnreadableError(f"the event is not a JSON object but {type(event).__name__}")
    try:
        return base64.b64decode(event, validate=True)
    except ValueError as error:
        raise UnreadableError(f"the event is text, but not base64: {error}") from None


def _arrival(metadata: Mapping[str, str]) -> Arrival:
    return Arrival(*(_natural(metadata.get(name)) or 0 for name in ("__timestamp", "__partition", "__offset")))


def _data(envelope: JsonObject) -> JsonObject:
    data = envelope.get("data")
    if isinstance(data, str):
        try:
            return parse_object(data)
        except UnreadableError as error:
            raise UnreadableError(f"data is text: {error}") from None
    if not isinstance(data, dict):
        raise UnreadableError("data is neither an object nor text" if data else "data is missing")
    return cast("JsonObject", data)


def _sequence(envelope: JsonObject) -> int | None:
    value = envelope.get("sequence")
    if value is None:
        return None
    number = value if type(value) is int else _natural(value)
    if number is None or not 0 <= number <= MAX_SEQUENCE:
        raise UnreadableError("sequence is not a decimal integer from 0 to 2^63-1")
    return number


def _natural(text: object) -> int | None:
    """The number in decimal ASCII digits, of a length that no attack can make slow."""
    if isinstance(text, str) and text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS:
        return int(text)
    return None
