"""The routes that read customers."""

import re
from collections.abc import AsyncIterator, Iterable

from fastapi import FastAPI, Request, Response
from fastapi.responses import StreamingResponse

from crm.api import operations
from crm.api.direct import get_and_head
from crm.api.etag import is_known
from crm.api.problems import Problem
from crm.domain.change import entity_tag
from crm.domain.customer import Fault, parsed_id
from crm.domain.customers import Customers

ALL_AT_ONCE = 1000
"""Customers held in memory while all of them are answered."""

PAGE, LARGEST_PAGE = 100, 1000
"""Customers of a page that is asked for without and with a limit."""

NO_TAG = ""
"""All of them have no entity tag: to make one they would all have to be read first."""

_NUMBER = re.compile(r"0|[1-9][0-9]{0,17}", re.ASCII)


def add_reading(api: FastAPI, customers: Customers) -> None:
    """Add the routes to `api`."""

    async def one(request: Request) -> Response:
        """One customer. With If-None-Match 304 when it is still as the entity tag says."""
        return await _one(customers, request, request.path_params["customer_id"])

    async def all_or_one(request: Request) -> Response:
        """All customers, an object by id; with customerId the one customer."""
        asked = request.query_params.get("customerId")
        return await (_all(customers, request) if asked is None else _one(customers, request, asked))

    async def page(request: Request) -> Response:
        """Customers by rising id, an array of at most `limit`, from the first id above `after`.

        Where there are more, the header Link has the address of the next page.
        """
        limit, after = _page_asked(request)
        found = await customers.page(after, limit + 1)
        headers = {}
        if len(found) > limit:
            found.pop()
            headers["Link"] = f'</customers?limit={limit}&after={found[-1][0]}>; rel="next"'
        text = "[" + ",".join(document for _, document in found) + "]"
        return Response(text, headers=headers, media_type="application/json")

    get_and_head(api, "/customers/{customer_id}", one, **operations.ONE)
    get_and_head(api, "/", all_or_one, **operations.ALL_OR_ONE)
    get_and_head(api, "/customers", page, **operations.PAGE)


def unknown(customer_id: str) -> Problem:
    """The answer where there is no such customer."""
    return Problem(404, f"There is no customer {customer_id[:40]}.")


async def _one(customers: Customers, request: Request, customer_id: str) -> Response:
    known_id = parsed_id(customer_id)
    document = await customers.find(known_id) if known_id else None
    if document is None:
        raise unknown(customer_id)
    tag = entity_tag(document)
    if is_known(request, tag):
        return Response(status_code=304, headers={"ETag": tag})
    return Response(document, headers={"ETag": tag}, media_type="application/json")


async def _all(customers: Customers, request: Request) -> Response:
    """In pieces, so that a million customers need no more memory than a thousand."""
    first = await customers.page(0, ALL_AT_ONCE)
    if is_known(request, NO_TAG):
        return Response(status_code=304)
    if len(first) < ALL_AT_ONCE:
        return Response("{" + _members(first) + "}", media_type="application/json")
    if request.scope["http_version"] == "1.0":
        raise Problem(505, "All customers are sent in chunks, which HTTP/1.0 lacks: use /customers?limit=1000.")
    pieces = _pieces(customers, first) if request.method == "GET" else _no_pieces()
    return StreamingResponse(pieces, media_type="application/json")


async def _pieces(customers: Customers, page: list[tuple[int, str]]) -> AsyncIterator[str]:
    start = "{"
    while page:
        yield start + _members(page)
        start = ","
        page = await customers.page(page[-1][0], ALL_AT_ONCE)
    yield "}"


async def _no_pieces() -> AsyncIterator[str]:
    return
    yield


def _members(found: Iterable[tuple[int, str]]) -> str:
    return ",".join(f'"{customer_id}":{document}' for customer_id, document in found)


def _page_asked(request: Request) -> tuple[int, int]:
    """Limit and after. Raises Problem: 422."""
    limit = _number(request, "limit", PAGE)
    after = _number(request, "after", 0)
    faults = []
    if limit is None or not 1 <= limit <= LARGEST_PAGE:
        faults.append(Fault("limit", f"must be given once, as a whole number from 1 to {LARGEST_PAGE}"))
    if after is None:
        faults.append(Fault("after", "must be given once, as a whole number from 0, of at most 18 digits"))
    if faults or limit is None or after is None:
        raise Problem(422, "These are not the parameters of a page.", faults)
    return limit, after


def _number(request: Request, name: str, default: int) -> int | None:
    texts = request.query_params.getlist(name) or [str(default)]
    return int(texts[0]) if len(texts) == 1 and _NUMBER.fullmatch(texts[0]) else None
