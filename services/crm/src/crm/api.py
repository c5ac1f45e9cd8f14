"""The HTTP routes: the lab's (`/?customerId=2`, `/customers`) and resource paths beside them."""

import logging
from collections.abc import Sequence
from typing import Annotated, Protocol

from fastapi import FastAPI, Query, Request, Response

from crm import schema
from crm.body import read_object
from crm.change import Accepted, Change, UnknownCustomerError
from crm.customer import Details, Fault, InvalidCustomerError, parsed_id, validated
from crm.problem import Problem, answer_problems
from crm.trace import Traced, traceparent

log = logging.getLogger(__name__)


class Customers(Protocol):
    """The store, as far as the API needs it. Every method may raise StoreUnavailableError."""

    async def accept(self, change: Change) -> Accepted:
        """Store a change with its events. Raises UnknownCustomerError."""

    async def find(self, customer_id: int) -> str | None:
        """The customer as JSON text, None if there is none."""

    async def everyone(self) -> str:
        """All customers as the JSON text of one object, by id."""

    async def is_empty(self) -> bool:
        """Whether there is no customer at all."""


def create_api(customers: Customers) -> FastAPI:
    """The application over `customers`."""
    api = FastAPI(
        title="CRM",
        docs_url=None,  # its page would be loaded from somewhere else
        redoc_url=None,
        redirect_slashes=False,
    )
    api.add_middleware(Traced)
    answer_problems(api)

    @api.get("/", summary="All customers by id, or one", responses=schema.ALL_OR_ONE)
    async def all_or_one(
        customer_id: Annotated[str | None, Query(alias="customerId")] = None,
    ) -> Response:
        """All customers by id; with customerId the one customer."""
        if customer_id is None:
            return _json(await customers.everyone())
        return await one(customer_id)

    @api.get("/customers/{customer_id}", summary="One customer", responses=schema.ONE)
    async def one(customer_id: str) -> Response:
        """One customer."""
        known_id = parsed_id(customer_id)
        document = await customers.find(known_id) if known_id else None
        if document is None:
            raise _unknown(customer_id)
        return _json(document)

    @api.post(
        "/customers", summary="Make a customer", status_code=201, responses=schema.CREATED, openapi_extra=schema.BODY
    )
    async def create(request: Request) -> Response:
        """Make a customer, with the id above the highest so far."""
        details = await _details(request, None)
        accepted = await customers.accept(Change(details, traceparent=traceparent.get()))
        _log_change("customer created", accepted)
        location = {"Location": f"/customers/{accepted.customer_id}"}
        return _json(accepted.document, 201, location)

    @api.post(
        "/customers/{customer_id}", summary="Replace a customer", responses=schema.REPLACED, openapi_extra=schema.BODY
    )
    async def replace(customer_id: str, request: Request) -> Response:
        """Replace all properties of a customer but its id."""
        known_id = parsed_id(customer_id)
        details = await _details(request, customer_id)
        if known_id is None:
            raise _unknown(customer_id)
        try:
            accepted = await customers.accept(Change(details, known_id, new=False, traceparent=traceparent.get()))
        except UnknownCustomerError:
            raise _unknown(customer_id) from None
        _log_change("customer changed", accepted)
        return _json(accepted.document)

    @api.get("/livez", include_in_schema=False)
    async def alive() -> Response:
        """The process answers."""
        return _json('{"status":"alive"}')

    @api.get("/readyz", include_in_schema=False)
    async def ready() -> Response:
        """The store answers. The sidecar and the broker may be away: changes are taken anyway."""
        await customers.is_empty()
        return _json('{"status":"ready"}')

    return api


async def _details(request: Request, customer_id: str | None) -> Details:
    """The details in the body. `customerId` in it may repeat the one of the path, no other."""
    properties = await read_object(request)
    named_id = properties.pop("customerId", customer_id)
    if named_id != customer_id:
        expected = f"be left out or be {customer_id}" if customer_id else "be left out"
        raise _refused((Fault("customerId", f"is given by CRM: it must {expected}"),))
    try:
        return validated(properties)
    except InvalidCustomerError as error:
        raise _refused(error.faults) from None


def _refused(faults: Sequence[Fault]) -> Problem:
    text = "; ".join(f"{fault.field} {fault.reason}" for fault in faults)
    return Problem(422, f"These are not a customer's properties: {text}.", faults)


def _unknown(customer_id: str) -> Problem:
    return Problem(404, f"There is no customer {customer_id[:40]}.")


def _json(text: str, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(text, status, headers, "application/json")


def _log_change(message: str, accepted: Accepted) -> None:
    """No personal data: the id, and what was announced."""
    announced = [
        {"connectionId": e.connection_id, "connectionMandate": e.mandate, "sequence": e.sequence}
        for e in accepted.events
    ]
    log.info(message, extra={"fields": {"customerId": accepted.customer_id, "events": announced}})
