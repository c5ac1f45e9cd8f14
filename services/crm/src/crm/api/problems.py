"""Errors as the API answers them: application/problem+json, RFC 9457."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Final, TypedDict

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import Match

MEDIA_TYPE: Final = "application/problem+json"

_TITLES: Final = {413: "Content Too Large", 422: "Unprocessable Content"}
"""By RFC 9110; Python has other words for them, depending on its version."""

_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")


class Fault(TypedDict):
    """What is wrong with one field."""

    field: str
    reason: str


class Problem(Exception):  # noqa: N818  the word of the RFC
    """An answer that is not the one hoped for: raise it anywhere in a route."""

    def __init__(
        self, status: int, detail: str, errors: Sequence[Fault] = (), headers: Mapping[str, str] | None = None
    ) -> None:
        """`detail` says what was wrong, and what to do; `errors` in which fields."""
        super().__init__(detail)
        self.status = status
        self.title = _TITLES.get(status) or HTTPStatus(status).phrase
        self.detail = detail
        self.errors = errors
        self.headers = headers

    def response(self) -> JSONResponse:
        """What the client is told."""
        body = {"type": "about:blank", "title": self.title, "status": self.status, "detail": self.detail}
        errors = {"errors": [*self.errors]} if self.errors else {}
        return JSONResponse(body | errors, self.status, self.headers, MEDIA_TYPE)


def answer_with_problems(app: FastAPI) -> None:
    """Make `app` answer every error as a problem: its own, FastAPI's, and what fails."""

    @app.exception_handler(Problem)
    async def problem(_: Request, problem: Problem) -> JSONResponse:
        return problem.response()

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> JSONResponse:
        detail, headers = error.detail, error.headers
        if error.status_code == HTTPStatus.NOT_FOUND:
            detail = f"There is nothing at {request.url.path}."
        elif error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            allowed = ", ".join(_allowed(request))
            detail = f"{request.method} is not for {request.url.path}, which takes {allowed}."
            headers = {"Allow": allowed}
        return Problem(error.status_code, detail, headers=headers).response()

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        faults: list[Fault] = [
            {"field": ".".join(map(str, each["loc"][1:])), "reason": each["msg"]} for each in error.errors()
        ]
        detail = "; ".join(f"{fault['field']}: {fault['reason']}" for fault in faults)
        # The body is of a form that is understood, and wrong in what it says; nothing else of a request has that.
        status = 422 if error.errors()[0]["loc"][0] == "body" else 400
        return Problem(status, detail, faults).response()

    @app.exception_handler(Exception)
    async def failed(_: Request, __: Exception) -> JSONResponse:
        return Problem(500, "An error of the service's own; its log says which.").response()


def _allowed(request: Request) -> list[str]:
    """The methods that the path has, also where each of them is a route of its own."""

    def has(method: str) -> bool:
        scope = {**request.scope, "method": method}
        return any(route.matches(scope)[0] is Match.FULL for route in request.app.routes)

    allowed = [method for method in _METHODS if has(method)]
    return sorted([*allowed, "HEAD"] if "GET" in allowed else allowed)
