"""What a client is told of what the domain and the store refuse."""

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from iot.api.problems import Problem
from iot.domain.document import UnreadableError
from iot.readmodel.store import StoreAwayError


def answer_refusals(app: FastAPI) -> None:
    """Make `app` answer these errors as problems, wherever a route raises them."""

    @app.exception_handler(UnreadableError)
    async def unreadable(_: Request, error: UnreadableError) -> JSONResponse:
        return Problem(400, str(error)).response()

    @app.exception_handler(StoreAwayError)
    async def away(_: Request, error: StoreAwayError) -> JSONResponse:
        # After a second a sidecar that restarts, or a store that fails over, may be back.
        return Problem(503, f"the state store is away: {error}", headers={"Retry-After": "1"}).response()
