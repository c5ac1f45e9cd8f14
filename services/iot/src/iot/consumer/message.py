"""Reading one message of the topic: a CloudEvents 1.0 envelope around a connection mandate."""

import binascii
from collections.abc import Mapping
from typing import Final, NamedTuple, cast

import orjson

from iot.domain.connection import check_id
from iot.domain.document import JsonObject, UnreadableError, parse_object
from iot.domain.mandate import LEVELS, Arrival, Mandate, is_level

TYPE: Final = "com.mandates.connection-mandate."
VERSION: Final = "v1"
MAX_SEQUENCE: Final = 2**63 - 1
MAX_SIZE: Final = 64 * 1024
"""Bytes of an event that every reader of CloudEvents has to take (CloudEvents 1.0, Size Limits)."""

_MAX_DIGITS: Final = len(str(MAX_SEQUENCE))
_NUMBERS: Final = dict(enumerate(LEVELS))


class Message(NamedTuple):
    """One message as delivered.

    `event` is the envelope as the sidecar hands it over: its bytes in base64 (rawPayload), or a
    JSON object. `metadata` is the broker's, as far as it is told: `__topic`, `__partition`,
    `__offset`, `__key`, `__timestamp` (milliseconds since 1970), and each header by its name.
    """

    event: object
    metadata: Mapping[str, str]

    def original(self) -> bytes:
        """The bytes on the topic; what is nearest to them where the sidecar does not tell."""
        if isinstance(self.event, bytes):
            return self.event
        if not isinstance(self.event, str):
            return orjson.dumps(self.event)
        try:
            return binascii.a2b_base64(self.event, strict_mode=True)
        except ValueError:
            return self.event.encode(errors="surrogatepass")


def open_envelope(event: object) -> JsonObject:
    """The envelope of an event. Raises UnreadableError when there is no JSON object in it."""
    if isinstance(event, dict):
        return cast("JsonObject", event)
    if isinstance(event, bytes):
        raw = event
    elif isinstance(event, str):
        try:
            raw = binascii.a2b_base64(event, strict_mode=True)
        except ValueError as error:
            raise UnreadableError(f"the event is text, but not base64: {error}") from None
    else:
        raise UnreadableError(f"the event is not a JSON object but {type(event).__name__}")
    if len(raw) > MAX_SIZE:
        raise UnreadableError(f"the event is too large: {len(raw)} bytes, at most {MAX_SIZE} are read")
    if not raw:
        raise UnreadableError("the event is empty")
    return _unwrapped(parse_object(raw))


def _unwrapped(envelope: JsonObject) -> JsonObject:
    """The event that a sidecar has put, as it was on the topic, into one of its own (rawPayload without bulk);
    any other as it is."""
    inner = envelope.get("data_base64")
    if "data" in envelope or not isinstance(inner, str):
        return envelope
    try:
        event = parse_object(binascii.a2b_base64(inner, strict_mode=True))
    except ValueError as error:
        raise UnreadableError(f"data_base64: {error}") from None
    return event if "data" in event else {**envelope, "data": event}


def read(envelope: JsonObject, metadata: Mapping[str, str]) -> Mandate:
    """What a message says. `metadata`: see Message; every part of it may be absent.

    Accepted are `data` as an object or as JSON text in a string (so the lab's own CRM sends it);
    a mandate as text or as a whole number (so CRM's API takes it); `sequence` a decimal string, an
    integer or absent; any `type`, except another version of this event's own.

    Raises UnreadableError for what cannot be read.
    """
    kind = envelope.get("type")
    if isinstance(kind, str) and kind.startswith(TYPE) and kind != TYPE + VERSION:
        raise UnreadableError(f"type {kind!r} is not a version that is understood, {VERSION} is")
    data = _data(envelope)
    connection_id, level = data.get("connectionId"), data.get("connectionMandate")
    if not isinstance(connection_id, str):
        raise UnreadableError("data.connectionId is not a string")
    check_id(connection_id)
    if type(level) is int:
        level = _NUMBERS.get(level)
    if not is_level(level):
        raise UnreadableError(f"data.connectionMandate is not one of {', '.join(LEVELS)}")
    return Mandate(connection_id, level, _sequence(envelope), _arrival(metadata))


def check_sequence(mandate: Mandate, now: int, max_ahead: int) -> None:
    """Raises UnreadableError for a sequence more than `max_ahead` microseconds ahead of the record's time.

    Taken, it would outrank all that its publisher says for as long; a sequence is microseconds since
    1970 by the publisher's clock, or less. `now`, in milliseconds since 1970, is the time of a record
    of which none is told.
    """
    if mandate.sequence is None:
        return
    ahead = mandate.sequence - (mandate.arrival.timestamp or now) * 1000
    if ahead > max_ahead:
        told = f"{ahead // 1_000_000} s ahead of the record's own time, {max_ahead // 1_000_000} s at most are taken"
        raise UnreadableError(f"sequence {mandate.sequence} is {told}: whose clock is wrong?")


def _arrival(metadata: Mapping[str, str]) -> Arrival:
    told = metadata.get
    return Arrival(
        _natural(told("__timestamp")) or 0, _natural(told("__partition")) or 0, _natural(told("__offset")) or 0
    )


def _data(envelope: JsonObject) -> JsonObject:
    data = envelope.get("data")
    if isinstance(data, dict):
        return cast("JsonObject", data)
    if isinstance(data, str):
        try:
            return parse_object(data)
        except UnreadableError as error:
            raise UnreadableError(f"data is text: {error}") from None
    raise UnreadableError("data is missing" if data is None else "data is neither an object nor text")


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
