"""What the OpenAPI document says of the routes beside what FastAPI reads from them.

A route that takes the request as it is has its parameters, body and answers from here, which is the way that FastAPI
documents for such routes (`openapi_extra`).
"""

from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from crm.api.idempotency import REPLAYED
from crm.api.problems import MEDIA_TYPE, Problem
from crm.api.refusals import AWAY, NO_ID_LEFT, UNFIT
from crm.api.schemas import Announced, Announcement, Customer, Details, NewCustomer, Patch, ProblemDetails
from crm.domain.change import KEY_LENGTH

Described = dict[str, Any]
"""Arguments of a route's decorator."""

_REASONS: Final = {
    400: "The body is not JSON.",
    403: "Only an operator may do this: the header dapr-api-token must have the value of APP_API_TOKEN.",
    404: "There is no customer 42.",
    408: "The body did not come within 10 seconds.",
    412: "The customer is not as If-Match says: read it again.",
    413: "The body is larger than 65536 bytes.",
    415: "The body must be application/json, not text/xml.",
    422: "These are not a customer's properties: connectionId is missing.",
    500: UNFIT,
    503: AWAY,
    507: NO_ID_LEFT,
}
_BODY: Final = (400, 408, 413, 415, 422)

_TAGS: Final = r'^(\*|(W/)?"[!#-~]*"(, *(W/)?"[!#-~]*")*)$'
_A_TAG: Final = '"5c8b1f60a3d94e27b1f0c6d2"'


def completed(document: dict[str, Any]) -> dict[str, Any]:
    """The OpenAPI document with the models that only descriptions here refer to."""
    models = [(model, "validation") for model in (Announcement, Customer, Details, NewCustomer, Patch, ProblemDetails)]
    _, found = models_json_schema(models, ref_template="#/components/schemas/{model}")  # type: ignore[arg-type]
    document["components"]["schemas"] |= found["$defs"]
    return document


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The answers that are errors."""
    return {status: _problem(Problem(status, _REASONS[status])) for status in statuses}


def _problem(problem: Problem) -> dict[str, Any]:
    example = {"type": "about:blank", "title": problem.title, "status": problem.status, "detail": problem.detail}
    content = {"schema": _ref(ProblemDetails), "example": example}
    return {"description": problem.title, "content": {MEDIA_TYPE: content}}


def _ref(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def _header(description: str, example: str) -> dict[str, Any]:
    return {"description": description, "schema": {"type": "string"}, "example": example}


def _json(shape: Any, example: Any, description: str, **headers: dict[str, Any]) -> dict[str, Any]:
    content = {"application/json": {"schema": shape, "example": example}}
    return {"description": description, "content": content, "headers": headers}


def _parameter(where: str, name: str, schema: dict[str, Any], example: Any, description: str) -> dict[str, Any]:
    return {
        "in": where,
        "name": name,
        "required": where == "path",
        "schema": schema,
        "example": example,
        "description": description,
    }


def _body(model: type[BaseModel], *media_types: str) -> dict[str, Any]:
    content = {"schema": _ref(model), "example": model.model_config["json_schema_extra"]["example"]}  # type: ignore[index]
    return {"required": True, "content": dict.fromkeys(media_types, content)}


_ID: Final = {"type": "string", "pattern": "^[1-9][0-9]{0,17}$"}
_BY_ID: Final = _parameter("path", "customer_id", _ID, "7", "The customer's id.")
_ONLY: Final = _parameter("query", "customerId", _ID, "7", "Answer this customer alone.")
_LIMIT: Final = _parameter(
    "query", "limit", {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100}, 2, "The most to answer."
)
_AFTER: Final = _parameter(
    "query",
    "after",
    {"type": "integer", "minimum": 0, "maximum": 10**18 - 1, "default": 0},
    7,
    "Answer those with a higher id than this.",
)
_CONDITION: Final = {"type": "string", "pattern": _TAGS}
_IF_MATCH: Final = _parameter("header", "If-Match", _CONDITION, "*", "Change it only if it has one of these tags.")
_IF_NONE_MATCH: Final = _parameter(
    "header", "If-None-Match", _CONDITION, _A_TAG, "Answer 304 if it has one of these tags."
)
_KEY: Final = _parameter(
    "header",
    "Idempotency-Key",
    {"type": "string", "pattern": rf"^[!-~]([ -~]{{0,{KEY_LENGTH - 2}}}[!-~])?$"},
    "0193-6a1c",
    "Names this request: sent again, it makes no other customer. Kept for 24 hours.",
)

_TAG: Final = _header("Changes when the customer does.", _A_TAG)
_LOCATION: Final = _header("The customer's path.", "/customers/13")
_LINK: Final = _header('The next page, rel="next", if there is one.', '</customers?limit=2&after=8>; rel="next"')
_REPLAYED: Final = _header("This was answered before.", "true")

_CUSTOMER: Final = _ref(Customer)
_STORED: Final = {"customerId": "13", "firstName": "Molly", "connectionId": "928", "connectionMandate": "0"}
_ONE: Final = _json(_CUSTOMER, _STORED, "The customer.", ETag=_TAG)
_UNCHANGED: Final = {"description": "The customer is still as the entity tag says.", "headers": {"ETag": _TAG}}
_ALL: Final = {"anyOf": [{"type": "object", "additionalProperties": _CUSTOMER}, _CUSTOMER]}

ONE: Final[Described] = {
    "responses": {200: _ONE, 304: _UNCHANGED, **problems(400, 404, 500, 503)},
    "openapi_extra": {"parameters": [_BY_ID, _IF_NONE_MATCH]},
}
ALL_OR_ONE: Final[Described] = {
    "responses": {
        200: _json(_ALL, {"13": _STORED}, "All customers by id, or the one customer."),
        304: _UNCHANGED,
        **problems(400, 404, 500, 503),
    },
    "openapi_extra": {"parameters": [_ONLY, _IF_NONE_MATCH]},
}
PAGE: Final[Described] = {
    "responses": {
        200: _json({"type": "array", "items": _CUSTOMER}, [_STORED], "The page.", Link=_LINK),
        **problems(422, 500, 503),
    },
    "openapi_extra": {"parameters": [_LIMIT, _AFTER]},
}
CREATE: Final[Described] = {
    "responses": {
        201: _json(_CUSTOMER, _STORED, "The new customer.", Location=_LOCATION, ETag=_TAG, **{REPLAYED: _REPLAYED}),
        **problems(*_BODY, 412, 500, 503, 507),
    },
    "openapi_extra": {"parameters": [_KEY], "requestBody": _body(NewCustomer, "application/json")},
}
_CHANGE: Final = {200: _ONE, **problems(*_BODY, 404, 412, 500, 503)}
REPLACE: Final[Described] = {
    "responses": _CHANGE,
    "openapi_extra": {"parameters": [_BY_ID, _IF_MATCH], "requestBody": _body(Details, "application/json")},
}
PATCH: Final[Described] = {
    "responses": _CHANGE,
    "openapi_extra": {
        "parameters": [_BY_ID, _IF_MATCH],
        "requestBody": _body(Patch, "application/merge-patch+json", "application/json"),
    },
}
ANNOUNCE: Final[Described] = {
    "responses": {
        200: _json(
            _ref(Announced), {"announced": 2, "lastSequence": "1767225600000002", "waiting": 2}, "They will be told."
        ),
        **problems(*_BODY, 403, 500, 503),
    },
    "openapi_extra": {"requestBody": _body(Announcement, "application/json")},
}
