"""Reading JSON that anyone may have written."""

from typing import cast

import orjson

JsonObject = dict[str, object]


class UnreadableError(ValueError):
    """Something from outside is not what it should be; the text says why."""


def parse_object(text: str | bytes) -> JsonObject:
    """The JSON object in a text (bytes: UTF-8).

    Raises UnreadableError for whatever is not one: bytes that are no UTF-8, no JSON (RFC 8259: no
    NaN, no byte order mark, no lone surrogates), deep nesting, another kind of JSON value.
    """
    try:
        value: object = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise UnreadableError(f"not JSON: {error}") from None
    if not isinstance(value, dict):
        raise UnreadableError(f"not a JSON object but {type(value).__name__}")
    return cast("JsonObject", value)
