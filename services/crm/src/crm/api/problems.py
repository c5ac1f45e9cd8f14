"""Errors as the API answers them: application/problem+json, RFC 9457."""

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import Match

from crm.domain.customer import LAST_ID, Fault
from crm.domain.customers import ImportingError, OutcomeUnknownError, StoreUnavailableError, StoreUnfitError

MEDIA_TYPE = "application/problem+json"

_TITLES = {413: "Content Too Large", 422: "Unprocessable Content"}
"""By RFC 9110; Python has other words for them, depending on its version."""

UNFIT = (
    "The database refuses this, and will again; nothing was changed. To try again will not help until it is "
    "mended: CRM's log says why."
)

NO_ID_LEFT = (
    f"No customer can be made: ids up to {LAST_ID} are given, and nobody could name one with a higher id. In CRM's "
    "database last_customer_id of the table counters must be lowered to the highest id that a customer has."
)

log = logging.getLogger(__name__)


class Problem(Exception):  # noqa: N818  the word of the RFC
    """An answer that is not the one hoped for: status, what was wrong, and in which fields."""

    def __init__(
        self,
        status: int,
        detail: str,
        faults: Sequence[Fault] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.title = _TITLES.get(status) or HTTPStatus(status).phrase
        self.detail = detail
        self.faults = faults
        self.headers = headers

    def document(self) -> dict[str, object]:
        """The problem document; `errors` in it names field and reason of each fault."""
        document: dict[str, object] = {
            "type": "about:blank",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        }
        if self.faults:
            document["errors"] = [{"field": fault.field, "reason": fault.reason} for fault in self.faults]
        return document

    def response(self) -> JSONResponse:
        """The answer with that document."""
        return JSONResponse(self.document(), self.status, self.headers, MEDIA_TYPE)


def answer_problems(api: FastAPI) -> None:
    """Make `api` answer every error as a problem."""

    @api.exception_handler(Problem)
    async def problem(_: Request, error: Problem) -> JSONResponse:
        return error.response()

    @api.exception_handler(HTTPException)
    async def no_route(request: Request, error: HTTPException) -> JSONResponse:
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            return _method_not_allowed(request).response()
        detail = f"There is nothing at {request.url.path[:200]}."
        if error.status_code != HTTPStatus.NOT_FOUND:
            detail = str(error.detail)
        return Problem(error.status_code, detail, headers=error.headers).response()

    @api.exception_handler(StoreUnavailableError)
    async def unavailable(_: Request, error: StoreUnavailableError) -> JSONResponse:
        log.warning("store not available", extra={"fields": {"reason": str(error)}})
        detail = "The customers cannot be reached now; nothing was changed. Try again."
        if isinstance(error, OutcomeUnknownError):
            detail = "The store was lost at the last moment; whether the change was made, reading will tell."
        return Problem(503, detail, headers={"Retry-After": "1"}).response()

    @api.exception_handler(StoreUnfitError)
    async def unfit(_: Request, error: StoreUnfitError) -> JSONResponse:
        log.error("store refuses", extra={"fields": {"reason": str(error)}})
        return Problem(500, UNFIT).response()

    @api.exception_handler(ImportingError)
    async def importing(_: Request, error: ImportingError) -> JSONResponse:
        return Problem(503, f"CRM is not ready yet: {error}. Try again.", headers={"Retry-After": "5"}).response()

    @api.exception_handler(Exception)
    async def unexpected(_: Request, __: Exception) -> JSONResponse:
        return Problem(500, "CRM failed to answer; its log says why.").response()


def _method_not_allowed(request: Request) -> Problem:
    """405 with every method of the path: the router names only those of its first route."""
    methods: set[str] = set()
    for route in request.app.routes:
        match, _ = route.matches(request.scope)
        if match is not Match.NONE:
            methods |= route.methods
    allow = ", ".join(sorted(methods))
    detail = f"{request.method} is not for {request.url.path[:200]}; {allow} is."
    return Problem(405, detail, headers={"Allow": allow})
