"""Reading JSON that anyone may have written."""

import json
from typing import cast

JsonObject = dict[str, object]


class UnreadableError(ValueError):
    """Something from outside is not what it should be; the text says why."""


def parse_object(text: str | bytes) -> JsonObject:
    """The JSON object in a text (bytes: UTF-8, -16 or -32).

    Raises UnreadableError for whatever is not one: bytes that are no text, no JSON,
    a number or nesting beyond what Python reads, another kind of JSON value.
    """
    try:
        value: object = json.loads(text)
    except RecursionError:
        raise UnreadableError("the JSON is nested too deeply") from None
    except ValueError as error:
        raise UnreadableError(f"not JSON: {error}") from None
    if not isinstance(value, dict):
        raise UnreadableError(f"not a JSON object but {type(value).__name__}")
    return cast("JsonObject", value)
