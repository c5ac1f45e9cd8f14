"""What /openapi.json says of bodies and answers, since the routes read and write JSON text."""

from typing import Any

from crm.customer import CONNECTION_ID_LENGTH, MANDATES
from crm.problem import MEDIA_TYPE

_TEXT = {"type": "string"}
_CONNECTION_ID = {"type": "string", "minLength": 1, "maxLength": CONNECTION_ID_LENGTH}
_LEVELS = list(range(len(MANDATES)))


def _customer(mandate: dict[str, Any], *required: str) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {
            "customerId": {"type": "string", "pattern": "^[1-9][0-9]*$"},
            "connectionId": _CONNECTION_ID,
            "connectionMandate": mandate,
        },
        "required": ["connectionId", "connectionMandate", *required],
        "additionalProperties": _TEXT,
    }


_GIVEN = _customer({"enum": [*MANDATES, *_LEVELS]})
_ANSWERED = _customer({"type": "string", "enum": list(MANDATES)}, "customerId")
_PROBLEM = {
    "type": "object",
    "properties": {"title": _TEXT, "status": {"type": "integer"}, "detail": _TEXT},
    "required": ["title", "status", "detail"],
}

Responses = dict[int | str, dict[str, Any]]


def _answer(schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _problem(description: str) -> dict[str, Any]:
    return {"description": description, "content": {MEDIA_TYPE: {"schema": _PROBLEM}}}


_UNKNOWN: Responses = {404: _problem("There is no such customer.")}
_AWAY: Responses = {503: _problem("The store is away; nothing was changed.")}
_REFUSED: Responses = _AWAY | {
    400: _problem("The body is not JSON."),
    408: _problem("The body did not come in time."),
    413: _problem("The body is too large."),
    422: _problem("The body does not have the properties of a customer."),
}
_ONE = _answer(_ANSWERED, "The customer.")
_EVERYONE = {"type": "object", "additionalProperties": _ANSWERED}

BODY = {"requestBody": {"required": True, "content": {"application/json": {"schema": _GIVEN}}}}
ALL_OR_ONE: Responses = {
    200: _answer({"anyOf": [_EVERYONE, _ANSWERED]}, "All customers by id, or the one customer."),
    **_UNKNOWN,
    **_AWAY,
}
ONE: Responses = {200: _ONE, **_UNKNOWN, **_AWAY}
CREATED: Responses = {201: _ONE, **_REFUSED}
REPLACED: Responses = {200: _ONE, **_UNKNOWN, **_REFUSED}
