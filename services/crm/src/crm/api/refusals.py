"""What a client is told of what the domain and the store refuse, wherever a route raises it."""

import logging
from collections.abc import Iterable

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from crm.api.problems import Fault, Problem
from crm.domain import customer
from crm.domain.change import KeyReusedError, NoIdLeftError, StaleError, UnknownCustomerError
from crm.domain.customer import LAST_ID, InvalidCustomerError
from crm.domain.customers import ImportingError, OutcomeUnknownError, StoreUnavailableError, StoreUnfitError

UNFIT = (
    "The database refuses this, and will again; nothing was changed. To try again will not help until it is "
    "mended: CRM's log says why."
)

NO_ID_LEFT = (
    f"No customer can be made: ids up to {LAST_ID} are given, and nobody could name one with a higher id. In CRM's "
    "database last_customer_id of the table counters must be lowered to the highest id that a customer has."
)

AWAY = "The customers cannot be reached now; nothing was changed. Try again."

log = logging.getLogger(__name__)


def answer_refusals(app: FastAPI) -> None:
    """Make `app` answer these errors as problems."""

    @app.exception_handler(InvalidCustomerError)
    async def invalid(_: Request, error: InvalidCustomerError) -> JSONResponse:
        text = "; ".join(f"{fault.field} {fault.reason}" for fault in error.faults)
        return Problem(422, f"These are not a customer's properties: {text}.", faults(error.faults)).response()

    @app.exception_handler(UnknownCustomerError)
    async def unknown(_: Request, error: UnknownCustomerError) -> JSONResponse:
        return Problem(404, f"There is no customer {str(error)[:40]}.").response()

    @app.exception_handler(StaleError)
    async def stale(_: Request, __: StaleError) -> JSONResponse:
        return Problem(412, "The customer is not as If-Match says: read it again.").response()

    @app.exception_handler(KeyReusedError)
    async def reused(_: Request, __: KeyReusedError) -> JSONResponse:
        return Problem(422, "Idempotency-Key was used for another request: each needs its own.").response()

    @app.exception_handler(NoIdLeftError)
    async def no_id_left(_: Request, __: NoIdLeftError) -> JSONResponse:
        return Problem(507, NO_ID_LEFT).response()

    @app.exception_handler(StoreUnavailableError)
    async def unavailable(_: Request, error: StoreUnavailableError) -> JSONResponse:
        log.warning("store not available", extra={"reason": str(error)})
        detail = AWAY
        if isinstance(error, OutcomeUnknownError):
            detail = "The store was lost at the last moment; whether the change was made, reading will tell."
        return _later(detail, seconds=1)

    @app.exception_handler(StoreUnfitError)
    async def unfit(_: Request, error: StoreUnfitError) -> JSONResponse:
        log.error("store refuses", extra={"reason": str(error)})
        return Problem(500, UNFIT).response()

    @app.exception_handler(ImportingError)
    async def importing(_: Request, error: ImportingError) -> JSONResponse:
        return _later(f"CRM is not ready yet: {error}. Try again.", seconds=5)


def faults(wrong: Iterable[customer.Fault]) -> list[Fault]:
    """What is wrong with a customer, as a problem names it."""
    return [{"field": fault.field, "reason": fault.reason} for fault in wrong]


def _later(detail: str, seconds: int) -> JSONResponse:
    return Problem(503, detail, headers={"Retry-After": str(seconds)}).response()
