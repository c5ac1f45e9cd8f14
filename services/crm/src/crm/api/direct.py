"""Routes whose endpoint takes the request as it is."""

from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.routing import request_response


class Direct(APIRoute):
    """A route that FastAPI describes, and Starlette calls.

    Parameters and bodies are read by the endpoints, so there are no dependencies to solve and no
    models to fill: what FastAPI does for these costs a third of a request.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.app = request_response(self.endpoint)


def get_and_head(api: FastAPI, path: str, endpoint: Any, **described: Any) -> None:
    """Add `endpoint` for GET, and for HEAD, whose body the server leaves out."""
    api.add_api_route(path, endpoint, methods=["GET"], **described)
    api.add_api_route(path, endpoint, methods=["HEAD"], include_in_schema=False)
