"""What goes in and out of the API, for OpenAPI and for the route that answers many."""

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from iot.api.problems import MEDIA_TYPE
from iot.domain.connection import ID_PATTERN, MAX_ID_LENGTH

_CONNECTION_ID: Final = {
    "type": "string",
    "minLength": 1,
    "maxLength": MAX_ID_LENGTH,
    "pattern": ID_PATTERN,
    "description": "No invisible characters, no blanks at its ends, and not shortened by a spreadsheet (8.7E+17).",
    "examples": ["7733"],
}
ConnectionId = Annotated[str, WithJsonSchema(_CONNECTION_ID)]
"""Described by the rules of domain/connection.py, and checked by them alone: they say more than a pattern can."""


class ConnectionMandate(BaseModel):
    """How far the smart meter of a connection may be read."""

    model_config = ConfigDict(extra="forbid")

    connection_id: ConnectionId = Field(alias="connectionId")
    level: Literal["0", "1", "2"] = Field(
        alias="connectionMandate",
        description="0 no reading at all, 1 for billing only, 2 in real time",
        examples=["1"],
    )


class Status(BaseModel):
    """What a probe says."""

    status: str


class Readiness(Status):
    """Whether events come, beside it."""

    subscribed: bool
    reason: str | None = Field(None, description="Why no events come, as far as it is known")


class ProblemDetails(BaseModel):
    """An error, RFC 9457."""

    type: Literal["about:blank"]
    title: str
    status: int
    detail: str = Field(description="What was wrong, and what to do")
    errors: list[dict[Literal["field", "reason"], str]] = Field(
        default=[], description="In which fields, where there are such"
    )


Responses = dict[int | str, dict[str, Any]]

_CACHE_CONTROL: Final = {
    "Cache-Control": {
        "description": "May be kept, and is asked for again before each use",
        "schema": {"const": "no-cache"},
    }
}
_TAG: Final = {
    "ETag": {"description": "Strong", "schema": {"type": "string"}, "example": '"8a5b4f2c9d0e1f3a"'},
    **_CACHE_CONTROL,
}
_RETRY_AFTER: Final = {"Retry-After": {"description": "Seconds", "schema": {"type": "integer", "minimum": 1}}}


def _problem(description: str, **more: Any) -> dict[str, Any]:
    """An answer in a media type of its own, which FastAPI's `model` does not know."""
    return {"description": description, "content": {MEDIA_TYPE: {"schema": ProblemDetails.model_json_schema()}}, **more}


_AWAY: Final = _problem("The state store is away", headers=_RETRY_AFTER)

OF_ONE: Final[Responses] = {
    200: {"description": "The mandate", "headers": _TAG},
    304: {"description": "As the client has it: one of the tags in If-None-Match", "headers": _TAG},
    400: _problem("The connection id is missing, given twice, or none: empty, too long, or not as described"),
    404: _problem("No mandate of this connection is known"),
    503: _AWAY,
}
OF_MANY: Final[Responses] = {
    200: {
        "description": "Those that are known, in the order in which they were asked for",
        "headers": _CACHE_CONTROL,
    },
    400: _problem("No connection id, more than 200, or one that is none"),
    503: _AWAY,
    # Without it FastAPI says 422, in a form of its own.
    "default": _problem("Any other error"),
}


def parameters(name: str, place: Literal["query", "path"]) -> dict[str, Any]:
    """The parameters of a route that takes the request as it is, as `openapi_extra`."""
    connection = {"name": name, "in": place, "required": True, "schema": _CONNECTION_ID}
    known = {"name": "If-None-Match", "in": "header", "required": False, "schema": {"type": "string"}}
    return {"parameters": [connection, known]}
