"""The routes that make and change customers."""

import logging
from collections.abc import Sequence

from fastapi import FastAPI, Request, Response

from crm.api import operations
from crm.api.body import JSON_TYPES, PATCH_TYPES, read_object
from crm.api.customers import unknown
from crm.api.etag import expected_tags
from crm.api.idempotency import REPLAYED, request_key
from crm.api.problems import NO_ID_LEFT, Problem
from crm.domain.change import (
    Accepted,
    Change,
    KeyReusedError,
    NoIdLeftError,
    StaleError,
    UnknownCustomerError,
    entity_tag,
)
from crm.domain.customer import Details, Fault, InvalidCustomerError, Patch, parsed_id, validated
from crm.domain.customers import Customers
from crm.observability.tracing import traceparent

log = logging.getLogger(__name__)


def add_changing(api: FastAPI, customers: Customers) -> None:
    """Add the routes to `api`."""

    async def create(request: Request) -> Response:
        """Make a customer, with the id above the highest so far.

        Sent again with the same Idempotency-Key it makes no other one, but answers the same.
        """
        details = _details(await _properties(request, JSON_TYPES, None))
        key = request_key(request, details)
        expected_tags(request)  # refuses a condition that cannot be read, or that nobody would keep
        if "if-match" in request.headers:
            raise Problem(412, "If-Match is for a customer who is there, and this one would be new: leave it out.")
        try:
            accepted = await customers.accept(Change(details, traceparent=traceparent.get(), key=key))
        except KeyReusedError:
            raise Problem(422, "Idempotency-Key was used for another request: each needs its own.") from None
        except NoIdLeftError:
            raise Problem(507, NO_ID_LEFT) from None
        headers = {"Location": f"/customers/{accepted.customer_id}"} | ({REPLAYED: "true"} if accepted.replayed else {})
        _log("customer answered again" if accepted.replayed else "customer created", accepted)
        return _answer(accepted, 201, headers)

    async def replace(request: Request) -> Response:
        """Replace all properties of a customer but its id."""
        return await change(request, _details(await _properties(request, JSON_TYPES, _named(request))))

    async def patch(request: Request) -> Response:
        """Replace the properties that are given, and remove those given as null (RFC 7396)."""
        return await change(request, Patch(await _properties(request, PATCH_TYPES, _named(request))))

    async def change(request: Request, details: Details | Patch) -> Response:
        known_id, expected = parsed_id(_named(request)), expected_tags(request)
        if known_id is None:
            raise unknown(_named(request))
        asked = Change(details, known_id, new=False, traceparent=traceparent.get(), expected=expected)
        try:
            accepted = await customers.accept(asked)
        except UnknownCustomerError:
            raise unknown(_named(request)) from None
        except StaleError:
            raise Problem(412, "The customer is not as If-Match says: read it again.") from None
        except InvalidCustomerError as error:
            raise _refused(error.faults) from None
        _log("customer changed", accepted)
        return _answer(accepted, 200, {})

    path = "/customers/{customer_id}"
    api.add_api_route(path, replace, methods=["POST"], **operations.REPLACE_AS_THE_LAB)
    api.add_api_route("/customers", create, methods=["POST"], **operations.CREATE)
    api.add_api_route(path, replace, methods=["PUT"], **operations.REPLACE)
    api.add_api_route(path, patch, methods=["PATCH"], **operations.PATCH)


def _named(request: Request) -> str:
    return str(request.path_params["customer_id"])


async def _properties(request: Request, media_types: Sequence[str], customer_id: str | None) -> dict[str, object]:
    """The properties in the body. `customerId` in it may repeat the one of the path, no other."""
    properties = await read_object(request, media_types)
    named_id = properties.pop("customerId", customer_id)
    if named_id != customer_id:
        expected = f"be left out or be {customer_id[:40]}" if customer_id else "be left out"
        raise _refused((Fault("customerId", f"is given by CRM: it must {expected}"),))
    return properties


def _details(properties: dict[str, object]) -> Details:
    try:
        return validated(properties)
    except InvalidCustomerError as error:
        raise _refused(error.faults) from None


def _refused(faults: Sequence[Fault]) -> Problem:
    text = "; ".join(f"{fault.field} {fault.reason}" for fault in faults)
    return Problem(422, f"These are not a customer's properties: {text}.", faults)


def _answer(accepted: Accepted, status: int, headers: dict[str, str]) -> Response:
    headers["ETag"] = entity_tag(accepted.document)
    return Response(accepted.document, status, headers, "application/json")


def _log(message: str, accepted: Accepted) -> None:
    """No personal data: the id, and what was announced."""
    announced = [
        {"connectionId": e.connection_id, "connectionMandate": e.mandate, "sequence": e.sequence}
        for e in accepted.events
    ]
    log.info(message, extra={"fields": {"customerId": accepted.customer_id, "events": announced}})
