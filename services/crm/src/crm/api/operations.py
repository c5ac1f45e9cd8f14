"""What the OpenAPI document says of each route; said here, since the image drops docstrings."""

from typing import Any

from fastapi import FastAPI, Response

from crm.api import schemas as schema
from crm.api.body import JSON_TYPES, PATCH_TYPES
from crm.api.idempotency import REPLAYED
from crm.api.problems import MEDIA_TYPE, NO_ID_LEFT, UNFIT, Problem

VERSION = "1.0.0"

DESCRIPTION = (
    "Owns the customers and what their mandates allow. Every GET may also be a HEAD. Errors are RFC 9457 problems; a "
    "path takes the methods that `Allow` names in the answer 405 to any other."
)

_REASONS = {
    400: "The body is not JSON.",
    403: "Only an operator may do this: the header dapr-api-token must have the value of APP_API_TOKEN.",
    404: "There is no customer 42.",
    408: "The body did not come within 10 seconds.",
    412: "The customer is not as If-Match says: read it again.",
    413: "The body is larger than 65536 bytes.",
    415: "The body must be application/json, not text/xml.",
    422: "These are not a customer's properties: connectionId is missing.",
    500: UNFIT,
    503: "The customers cannot be reached now; nothing was changed. Try again.",
    505: "All customers are sent in chunks, which HTTP/1.0 lacks: use /customers?limit=1000.",
    507: NO_ID_LEFT,
}
_BODY = (400, 408, 413, 415, 422)


def document(api: FastAPI) -> dict[str, Any]:
    """The OpenAPI document of `api`, the same each time."""
    described = api.openapi()
    described["components"] = {
        "schemas": schema.SCHEMAS,
        "parameters": schema.PARAMETERS,
        "headers": schema.HEADERS,
        "securitySchemes": schema.SECURITY,
        "responses": {f"Problem{status}": _problem(status, reason) for status, reason in _REASONS.items()},
    }
    return described


def _problem(status: int, reason: str) -> dict[str, Any]:
    problem = Problem(status, reason)
    content = {"schema": _ref("schemas", "Problem"), "example": problem.document()}
    return {"description": problem.title, "content": {MEDIA_TYPE: content}}


def _ref(kind: str, name: str) -> dict[str, str]:
    return {"$ref": f"#/components/{kind}/{name}"}


def _json(shape: Any, example: Any, description: str, *headers: str) -> dict[str, Any]:
    """An answer in JSON."""
    named = {name: _ref("headers", name) for name in headers}
    content = {"application/json": {"schema": shape, "example": example}}
    return {"description": description, "content": content} | ({"headers": named} if named else {})


def _operation(  # all of an operation, each by its name
    name: str,
    summary: str,
    description: str,
    answers: dict[int, Any],
    problems: tuple[int, ...] = (),
    parameters: tuple[str, ...] = (),
    body: dict[str, Any] | None = None,
    security: str | None = None,
) -> dict[str, Any]:
    extra: dict[str, Any] = {"parameters": [_ref("parameters", each) for each in parameters]} if parameters else {}
    return {
        "operation_id": name,
        "summary": summary,
        "description": description,
        "status_code": min(answers),
        "response_class": Response,
        "responses": answers,
        "openapi_extra": extra
        | ({"requestBody": body} if body else {})
        | ({"security": [{security: []}]} if security else {})
        | {"responses": {str(status): _ref("responses", f"Problem{status}") for status in problems}},
    }


def _body(shape: str, media_types: tuple[str, ...]) -> dict[str, Any]:
    content = {"schema": _ref("schemas", shape), "example": schema.SCHEMAS[shape]["example"]}
    json_types = [each for each in media_types if each.endswith("json")]
    return {"required": True, "content": dict.fromkeys(json_types, content)}


_CUSTOMER = _ref("schemas", "Customer")
_ONE = _json(_CUSTOMER, schema.STORED, "The customer.", "ETag")
_UNCHANGED = {
    "description": "The customer is still as the entity tag says.",
    "headers": {"ETag": _ref("headers", "ETag")},
}
_STATUS = _ref("schemas", "Status")

ONE = _operation(
    "readCustomer", "One customer", "With If-None-Match it is sent only if it has changed.",
    {200: _ONE, 304: _UNCHANGED}, (400, 404, 500, 503), ("Id", "IfNoneMatch"),
)  # fmt: skip
ALL_OR_ONE = _operation(
    "readAllOrOne", "All customers by id, or one", "All of them as they are at slightly different moments.",
    {
        200: _json(
            {"anyOf": [{"type": "object", "additionalProperties": _CUSTOMER}, _CUSTOMER]},
            {"13": schema.STORED},
            "All customers by id, or the one customer.",
        ),
        304: _UNCHANGED,
    },
    (400, 404, 500, 503, 505), ("CustomerId", "IfNoneMatch"),
)  # fmt: skip
PAGE = _operation(
    "readPage", "A page of customers", "By rising id; the header Link has the address of the next page.",
    {200: _json({"type": "array", "items": _CUSTOMER}, [schema.STORED], "The page.", "Link")},
    (422, 500, 503), ("Limit", "After"),
)  # fmt: skip
CREATE = _operation(
    "makeCustomer", "Make a customer", "It gets the id above the highest so far.",
    {201: _json(_CUSTOMER, schema.STORED, "The new customer.", "Location", "ETag", REPLAYED)},
    (*_BODY, 412, 500, 503, 507), ("IdempotencyKey",), _body("NewCustomer", JSON_TYPES),
)  # fmt: skip
_CHANGE = ({200: _ONE}, (*_BODY, 404, 412, 500, 503), ("Id", "IfMatch"))
REPLACE = _operation(
    "replaceCustomer", "Replace a customer", "All its properties but the id.", *_CHANGE, _body("Details", JSON_TYPES)
)
REPLACE_AS_THE_LAB = _operation(
    "replaceCustomerByPost", "Replace a customer", "The same as PUT.", *_CHANGE, _body("Details", JSON_TYPES)
)
PATCH = _operation(
    "patchCustomer", "Change some of a customer",
    "A JSON merge patch (RFC 7396): what is given is replaced, what is null removed.",
    *_CHANGE, _body("Patch", PATCH_TYPES),
)  # fmt: skip
ANNOUNCE = _operation(
    "announce", "Tell levels again",
    "For operators: puts the level of each of these connections into the outbox once more, 0 where nobody holds it.",
    {200: _json(_ref("schemas", "Announced"), schema.ANNOUNCED, "They will be told.")},
    (*_BODY, 403, 503), (), _body("Announcement", ("application/json",)), security="Token",
)  # fmt: skip
ALIVE = _operation("alive", "Liveness", "The process answers.", {200: _json(_STATUS, {"status": "alive"}, "It does.")})
READY = _operation(
    "ready", "Readiness", "The store answers and the file is imported.",
    {200: _json(_STATUS, {"status": "ready"}, "It is ready.")}, (500, 503),
)  # fmt: skip
METRICS = _operation(
    "metrics", "Metrics", "In Prometheus's text format.",
    {200: {"description": "All of them.", "content": {"text/plain": {"schema": {"type": "string"},
                                                                     "example": "crm_relay_active 1.0\n"}}}},
)  # fmt: skip
OPENAPI = _operation(
    "describe", "This document", "As OpenAPI 3.1.", {200: _json({"type": "object"}, {"openapi": "3.1.0"}, "It.")}
)
