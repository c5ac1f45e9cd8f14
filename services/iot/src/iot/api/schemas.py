"""What OpenAPI says of the queries, and FastAPI cannot know."""

from typing import Any, Final

from iot.domain.connection import ID_PATTERN, MAX_ID_LENGTH

_CONNECTION: Final = {
    "type": "string",
    "minLength": 1,
    "maxLength": MAX_ID_LENGTH,
    "pattern": ID_PATTERN,
    "description": "No invisible characters, no blanks at its ends, and not shortened by a spreadsheet (8.7E+17).",
}
_MANDATE: Final = {
    "type": "object",
    "required": ["connectionId", "connectionMandate"],
    "additionalProperties": False,
    "properties": {"connectionId": _CONNECTION, "connectionMandate": {"enum": ["0", "1", "2"]}},
}
_TAG: Final = {
    "ETag": {"description": "Strong", "schema": {"type": "string"}, "example": '"8a5b4f2c9d0e1f3a"'},
    "Cache-Control": {
        "description": "May be kept, and is asked for again before each use",
        "schema": {"const": "no-cache"},
    },
}
_PROBLEM: Final = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What was wrong, and what to do"},
    },
}


def _problem(status: int, title: str, detail: str, description: str) -> dict[str, Any]:
    example = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    return {
        "description": description,
        "content": {"application/problem+json": {"schema": _PROBLEM, "example": example}},
    }


RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The mandate: 0 no reading at all, 1 for billing only, 2 in real time",
        "headers": _TAG,
        "content": {
            "application/json": {
                "schema": _MANDATE,
                "example": {"connectionId": "7733", "connectionMandate": "1"},
            }
        },
    },
    304: {"description": "As the client has it: one of the tags in If-None-Match", "headers": _TAG},
    400: _problem(
        400,
        "Bad Request",
        "the parameter connectionId is needed, once: /?connectionId=7733",
        "The connection id is missing, given twice, or none: empty, too long, not Unicode, or not as described",
    ),
    404: _problem(
        404,
        "Not Found",
        "no mandate of connection 7734 is known",
        "No mandate of this connection is known",
    ),
    503: {
        **_problem(
            503,
            "Service Unavailable",
            "the state store is away: UNAVAILABLE: connection refused",
            "The state store is away",
        ),
        "headers": {
            "Retry-After": {"description": "Seconds", "schema": {"type": "integer", "minimum": 1}, "example": 1},
        },
    },
}
RESPONSES_OF_MANY: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "Those that are known, in the order in which they were asked for",
        "headers": {"Cache-Control": _TAG["Cache-Control"]},
        "content": {
            "application/json": {
                "schema": {"type": "array", "items": _MANDATE},
                "example": [{"connectionId": "7733", "connectionMandate": "1"}],
            }
        },
    },
    400: _problem(
        400,
        "Bad Request",
        "the parameter connectionId is needed, 1 to 200 times",
        "No connection id, more than 200, or one that is none",
    ),
    503: RESPONSES[503],
}
_IF_NONE_MATCH: Final = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "example": '"8a5b4f2c9d0e1f3a"',
}


def _parameters(name: str, place: str) -> dict[str, Any]:
    connection = {"name": name, "in": place, "required": True, "schema": _CONNECTION, "example": "7733"}
    return {"parameters": [connection, _IF_NONE_MATCH]}


BY_PARAMETER: Final = _parameters("connectionId", "query")
BY_PATH: Final = _parameters("connection_id", "path")
BY_PARAMETERS: Final = {
    "parameters": [
        {
            "name": "connectionId",
            "in": "query",
            "required": True,
            "schema": {"type": "array", "items": _CONNECTION, "minItems": 1, "maxItems": 200},
            "example": ["7733", "4512"],
        }
    ]
}
