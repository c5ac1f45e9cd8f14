"""What a client is told when the store does not do what it was asked to."""

import logging
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from crm.api.problems import Problem
from crm.domain.customer import LAST_ID
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


def answer(app: FastAPI) -> None:
    """Make `app` answer these errors as problems."""

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
        return Problem(HTTPStatus.INTERNAL_SERVER_ERROR, UNFIT).response()

    @app.exception_handler(ImportingError)
    async def importing(_: Request, error: ImportingError) -> JSONResponse:
        return _later(f"CRM is not ready yet: {error}. Try again.", seconds=5)


def _later(detail: str, seconds: int) -> JSONResponse:
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers={"Retry-After": str(seconds)}).response()
