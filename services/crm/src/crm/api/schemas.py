"""What the API takes and answers, as components of its OpenAPI document."""

from typing import Any

from crm.api.idempotency import REPLAYED
from crm.domain.announcement import AT_ONCE
from crm.domain.change import KEY_LENGTH
from crm.domain.customer import (
    CONNECTION_ID_LENGTH,
    CONNECTION_ID_PATTERN,
    MANDATES,
    NAME_LENGTH,
    NAME_PATTERN,
    PROPERTIES,
    VALUE_LENGTH,
)

MOLLY = {
    "firstName": "Molly",
    "lastName": "Peterson",
    "city": "Zeewolde",
    "connectionId": "928",
    "connectionMandate": "0",
}
STORED = {"customerId": "13", **MOLLY}

_CONNECTION_ID = {
    "type": "string",
    "minLength": 1,
    "maxLength": CONNECTION_ID_LENGTH,
    "pattern": CONNECTION_ID_PATTERN,
    "description": "No invisible characters, no blanks at the ends, and not shortened by a spreadsheet (8.7E+17).",
}
_LEVEL = {
    "enum": [*MANDATES, *range(len(MANDATES))],
    "description": "Permission to read the meter: 0 none, 1 for the bill, 2 in real time.",
}
_TEXT = {"type": "string", "maxLength": VALUE_LENGTH, "pattern": r"^[^\u0000]*$"}
_NAME = {"minLength": 1, "maxLength": NAME_LENGTH, "pattern": NAME_PATTERN}
_ID = {"type": "string", "pattern": "^[1-9][0-9]{0,17}$"}


def _customer(properties: dict[str, Any], required: list[str], others: Any, example: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": others,
        "propertyNames": _NAME,
        "maxProperties": PROPERTIES,
        "example": example,
    }


_GIVEN = {"connectionId": _CONNECTION_ID, "connectionMandate": _LEVEL}
_REQUIRED = list(_GIVEN)
_SAME_ID = {**_ID, "readOnly": True, "description": "May repeat the one of the path."}

_SEQUENCE = {"type": "string", "pattern": "^[0-9]{1,18}$"}
ANNOUNCED = {"announced": 2, "lastSequence": "1767225600000002", "waiting": 2}

SCHEMAS: dict[str, Any] = {
    "Announcement": {
        "type": "object",
        "properties": {
            "above": {**_SEQUENCE, "description": "The highest sequence on the topic: events get higher ones."},
            "connections": {"type": "array", "items": _CONNECTION_ID, "minItems": 1, "maxItems": AT_ONCE},
        },
        "required": ["above", "connections"],
        "example": {"above": "1767225600000000", "connections": ["7733", "4512"]},
    },
    "Announced": {
        "type": "object",
        "properties": {
            "announced": {"type": "integer", "description": "Connections."},
            "lastSequence": {**_SEQUENCE, "description": "Of the last event."},
            "waiting": {"type": "integer", "description": "Events in the outbox."},
        },
        "required": list(ANNOUNCED),
    },
    "NewCustomer": _customer({"customerId": {"not": {}}, **_GIVEN}, _REQUIRED, _TEXT, MOLLY),
    "Details": _customer({"customerId": _SAME_ID, **_GIVEN}, _REQUIRED, _TEXT, MOLLY),
    "Patch": _customer(
        {"customerId": _SAME_ID, **_GIVEN}, [], {**_TEXT, "type": ["string", "null"]}, {"connectionMandate": "2"}
    ),
    "Customer": _customer(
        {"customerId": _ID, "connectionId": _CONNECTION_ID, "connectionMandate": {"enum": list(MANDATES)}},
        ["customerId", *_REQUIRED],
        _TEXT,
        STORED,
    )
    | {"maxProperties": PROPERTIES + 1},
    "Problem": {
        "type": "object",
        "description": "RFC 9457.",
        "properties": {
            "type": {"const": "about:blank"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "errors": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"field": {"type": "string"}, "reason": {"type": "string"}},
                    "required": ["field", "reason"],
                },
            },
        },
        "required": ["type", "title", "status", "detail"],
    },
    "Status": {"type": "object", "properties": {"status": {"type": "string"}}, "required": ["status"]},
}

_TAGS = r'^(\*|(W/)?"[!#-~]*"(, *(W/)?"[!#-~]*")*)$'
_A_TAG = '"5c8b1f60a3d94e27b1f0c6d2"'


def _parameter(where: str, name: str, schema: Any, example: Any, description: str) -> dict[str, Any]:
    return {
        "in": where,
        "name": name,
        "required": where == "path",
        "schema": schema,
        "example": example,
        "description": description,
    }


PARAMETERS: dict[str, Any] = {
    "Id": _parameter("path", "customer_id", _ID, "7", "The customer's id."),
    "CustomerId": _parameter("query", "customerId", _ID, "7", "Answer this customer alone."),
    "Limit": _parameter(
        "query", "limit", {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100}, 2, "The most to answer."
    ),
    "After": _parameter(
        "query",
        "after",
        {"type": "integer", "minimum": 0, "maximum": 10**18 - 1, "default": 0},
        7,
        "Answer those with a higher id than this.",
    ),
    "IfMatch": _parameter(
        "header", "If-Match", {"type": "string", "pattern": _TAGS}, "*", "Change it only if it has one of these tags."
    ),
    "IfNoneMatch": _parameter(
        "header", "If-None-Match", {"type": "string", "pattern": _TAGS}, _A_TAG, "Answer 304 if it has one of these."
    ),
    "IdempotencyKey": _parameter(
        "header",
        "Idempotency-Key",
        {"type": "string", "pattern": rf"^[!-~]([ -~]{{0,{KEY_LENGTH - 2}}}[!-~])?$"},
        "0193-6a1c",
        "Names this request: sent again, it makes no other customer. Kept for 24 hours.",
    ),
}

SECURITY: dict[str, Any] = {
    "Token": {
        "type": "apiKey",
        "in": "header",
        "name": "dapr-api-token",
        "description": "The value of APP_API_TOKEN: for operators.",
    }
}

HEADERS: dict[str, Any] = {
    "ETag": {"description": "Changes when the customer does.", "schema": {"type": "string"}, "example": _A_TAG},
    "Location": {"description": "The customer's path.", "schema": {"type": "string"}, "example": "/customers/13"},
    "Link": {
        "description": 'The next page, rel="next", if there is one.',
        "schema": {"type": "string"},
        "example": '</customers?limit=2&after=8>; rel="next"',
    },
    REPLAYED: {"description": "This was answered before.", "schema": {"const": "true"}},
}
