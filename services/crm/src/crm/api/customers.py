"""The routes of customers.

Each takes the request as it is and answers a Response. That is what FastAPI documents for bodies it cannot read: it
would not see a property that is there twice. It also saves what FastAPI takes to read parameters (measured: 20 us of
44 for a path and a header). What goes in and out is described by contract.py.
"""

import logging
import re
from collections.abc import AsyncIterator, Iterable, Sequence
from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from crm.api import contract
from crm.api.body import JSON_TYPES, PATCH_TYPES, read_object
from crm.api.etag import expected_tags, is_known
from crm.api.idempotency import REPLAYED, request_key
from crm.api.problems import Problem
from crm.api.refusals import faults
from crm.api.state import customers_of
from crm.domain.change import Accepted, Change, UnknownCustomerError, entity_tag
from crm.domain.customer import Details, Fault, InvalidCustomerError, Patch, parsed_id, validated
from crm.domain.customers import Customers
from crm.observability.tracing import traceparent

ALL_AT_ONCE = 1000
"""Customers held in memory while all of them are answered."""

PAGE, LARGEST_PAGE = 100, 1000
"""Customers of a page that is asked for without and with a limit."""

NO_TAG = ""
"""All of them have no entity tag: to make one they would all have to be read first."""

_NUMBER = re.compile(r"0|[1-9][0-9]{0,17}", re.ASCII)

log = logging.getLogger(__name__)

router = APIRouter(tags=["customers"])


@router.get("/customers/{customer_id}", **contract.ONE)
async def read_customer(request: Request) -> Response:
    """One customer. With If-None-Match 304 when it is still as the entity tag says."""
    return await _one(request, _named(request))


@router.get("/", **contract.ALL_OR_ONE)
async def read_all_or_one(request: Request) -> Response:
    """All customers, an object by id, as they are at slightly different moments; with customerId the one customer."""
    asked = request.query_params.get("customerId")
    return await (_all(request) if asked is None else _one(request, asked))


@router.get("/customers", **contract.PAGE)
async def read_page(request: Request) -> Response:
    """Customers by rising id, an array of at most `limit`, from the first id above `after`.

    Where there are more, the header Link has the address of the next page.
    """
    limit, after = _page_asked(request)
    found = await customers_of(request).page(after, limit + 1)
    headers = {}
    if len(found) > limit:
        found.pop()
        headers["Link"] = f'</customers?limit={limit}&after={found[-1][0]}>; rel="next"'
    text = "[" + ",".join(document for _, document in found) + "]"
    return Response(text, headers=headers, media_type="application/json")


@router.post("/customers", status_code=HTTPStatus.CREATED, **contract.CREATE)
async def create_customer(request: Request) -> Response:
    """Make a customer, with the id above the highest so far.

    Sent again with the same Idempotency-Key it makes no other one, but answers the same.
    """
    customers = customers_of(request)
    details = validated(await _properties(request, JSON_TYPES, None))
    key = request_key(request, details)
    expected_tags(request)  # refuses a condition that cannot be read, or that nobody would keep
    if "if-match" in request.headers:
        raise Problem(412, "If-Match is for a customer who is there, and this one would be new: leave it out.")
    accepted = await customers.accept(Change(details, traceparent=traceparent.get(), key=key))
    headers = {"Location": f"/customers/{accepted.customer_id}"} | ({REPLAYED: "true"} if accepted.replayed else {})
    _log("customer answered again" if accepted.replayed else "customer created", accepted)
    return _answer(accepted, HTTPStatus.CREATED, headers)


@router.put("/customers/{customer_id}", **contract.REPLACE)
@router.post("/customers/{customer_id}", operation_id="replace_customer_by_post", **contract.REPLACE)
async def replace_customer(request: Request) -> Response:
    """Replace all properties of a customer but its id."""
    return await _change(request, validated(await _properties(request, JSON_TYPES, _named(request))))


@router.patch("/customers/{customer_id}", **contract.PATCH)
async def patch_customer(request: Request) -> Response:
    """A JSON merge patch (RFC 7396): replace the properties that are given, and remove those given as null."""
    return await _change(request, Patch(await _properties(request, PATCH_TYPES, _named(request))))


async def _change(request: Request, details: Details | Patch) -> Response:
    known_id, expected = parsed_id(_named(request)), expected_tags(request)
    if known_id is None:
        raise UnknownCustomerError(_named(request))
    change = Change(details, known_id, new=False, traceparent=traceparent.get(), expected=expected)
    accepted = await customers_of(request).accept(change)
    _log("customer changed", accepted)
    return _answer(accepted, HTTPStatus.OK, {})


async def _one(request: Request, customer_id: str) -> Response:
    customers, known_id = customers_of(request), parsed_id(customer_id)
    document = await customers.find(known_id) if known_id else None
    if document is None:
        raise UnknownCustomerError(customer_id)
    tag = entity_tag(document)
    if is_known(request, tag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers={"ETag": tag})
    return Response(document, headers={"ETag": tag}, media_type="application/json")


async def _all(request: Request) -> Response:
    """In pieces, so that a million customers need no more memory than a thousand."""
    customers = customers_of(request)
    first = await customers.page(0, ALL_AT_ONCE)
    if is_known(request, NO_TAG):
        return Response(status_code=HTTPStatus.NOT_MODIFIED)
    if len(first) < ALL_AT_ONCE:
        return Response("{" + _members(first) + "}", media_type="application/json")
    return StreamingResponse(_pieces(customers, first), media_type="application/json")


async def _pieces(customers: Customers, page: list[tuple[int, str]]) -> AsyncIterator[str]:
    start = "{"
    while page:
        yield start + _members(page)
        start = ","
        page = await customers.page(page[-1][0], ALL_AT_ONCE)
    yield "}"


def _members(found: Iterable[tuple[int, str]]) -> str:
    return ",".join(f'"{customer_id}":{document}' for customer_id, document in found)


def _page_asked(request: Request) -> tuple[int, int]:
    """Limit and after. Raises Problem: 422."""
    limit = _number(request, "limit", PAGE)
    after = _number(request, "after", 0)
    wrong = []
    if limit is None or not 1 <= limit <= LARGEST_PAGE:
        wrong.append(Fault("limit", f"must be given once, as a whole number from 1 to {LARGEST_PAGE}"))
    if after is None:
        wrong.append(Fault("after", "must be given once, as a whole number from 0, of at most 18 digits"))
    if wrong or limit is None or after is None:
        raise Problem(422, "These are not the parameters of a page.", faults(wrong))
    return limit, after


def _number(request: Request, name: str, default: int) -> int | None:
    texts = request.query_params.getlist(name) or [str(default)]
    return int(texts[0]) if len(texts) == 1 and _NUMBER.fullmatch(texts[0]) else None


def _named(request: Request) -> str:
    return str(request.path_params["customer_id"])


async def _properties(request: Request, media_types: Sequence[str], customer_id: str | None) -> dict[str, object]:
    """The properties in the body. `customerId` in it may repeat the one of the path, no other."""
    properties = await read_object(request, media_types)
    named_id = properties.pop("customerId", customer_id)
    if named_id != customer_id:
        expected = f"be left out or be {customer_id[:40]}" if customer_id else "be left out"
        raise InvalidCustomerError((Fault("customerId", f"is given by CRM: it must {expected}"),))
    return properties


def _answer(accepted: Accepted, status: HTTPStatus, headers: dict[str, str]) -> Response:
    headers["ETag"] = entity_tag(accepted.document)
    return Response(accepted.document, status, headers, "application/json")


def _log(message: str, accepted: Accepted) -> None:
    """No personal data: the id, and what was announced."""
    announced = [
        {"connectionId": e.connection_id, "connectionMandate": e.mandate, "sequence": e.sequence}
        for e in accepted.events
    ]
    log.info(message, extra={"customerId": accepted.customer_id, "events": announced})
