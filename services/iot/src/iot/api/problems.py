"""Errors as RFC 9457 problem details."""

from collections.abc import Mapping
from http import HTTPStatus
from json import dumps
from typing import Final

from fastapi import FastAPI, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

RETRY_AFTER: Final = {"Retry-After": "1"}
"""Seconds after which a sidecar that restarts, or a store that fails over, may be back."""


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """An application/problem+json answer: what was wrong, and what to do."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    return Response(dumps(body), status, headers, "application/problem+json")


async def _refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  the handler is registered for no other
    # The same for HEAD as for GET, but where the method is what is wrong.
    method = f"{request.method} " if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED else ""
    detail = f"{error.detail}: {method}{request.url.path}"
    return problem(error.status_code, detail, error.headers)


async def _failure(_: Request, __: Exception) -> Response:
    return problem(500, "an error of the service's own; its log says which")


def answer_with_problems(app: FastAPI) -> None:
    """Makes every error of the app a problem: unknown paths, methods, and its own failures."""
    app.add_exception_handler(HTTPException, _refusal)
    app.add_exception_handler(Exception, _failure)
