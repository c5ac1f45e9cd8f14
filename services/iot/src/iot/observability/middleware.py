"""What is kept of every query: how it was answered."""

from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

QUERIES: Final = "queries"
"""The tag of the routes that are counted."""


class Observed:
    """ASGI middleware: counts the answers to queries in the metrics of the request's state."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A HEAD is counted as the GET that it is for the routes."""

        async def watched(message: Message) -> None:
            # The route is known by then: the answer is its own.
            if message["type"] == "http.response.start" and QUERIES in getattr(scope.get("route"), "tags", ()):
                scope["state"]["metrics"].answered(message["status"])
            await send(message)

        await self._app(scope, receive, watched)
