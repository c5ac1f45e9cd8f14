"""The HTTP API: the lab's routes (`/?customerId=2`, `/customers`) and resource paths beside them."""

from typing import Any

from fastapi import FastAPI
from starlette.types import StatefulLifespan

from crm import __version__
from crm.api import announcements, contract, customers, probes
from crm.api.head import Head
from crm.api.problems import answer_with_problems
from crm.api.refusals import answer_refusals
from crm.observability.middleware import Observed
from crm.observability.tracing import Traced

DESCRIPTION = (
    "Owns the customers and what their mandates allow. Every GET may also be a HEAD. Errors are RFC 9457 problems; a "
    "path takes the methods that `Allow` names in the answer 405 to any other."
)


def create_app(lifespan: StatefulLifespan[FastAPI] | None = None, *, docs: bool = True) -> FastAPI:
    """The application; `lifespan` gives it its State, `docs` says whether /docs is there."""
    app = FastAPI(
        # Routes of its own: those of an included router FastAPI 0.165 looks for twice, which takes 20 us.
        routes=[*customers.router.routes, *announcements.router.routes, *probes.router.routes],
        title="CRM",
        version=__version__,
        description=DESCRIPTION,
        docs_url="/docs" if docs else None,
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
        redirect_slashes=False,
        # Nothing here collects it; to look for who might, at each request, takes longer than to count it.
        telemetry={"tracing": False, "metrics": False, "logs": False},
        lifespan=lifespan,
    )

    def openapi() -> dict[str, Any]:
        """What FastAPI makes of the routes, and the components that they refer to."""
        return contract.completed(FastAPI.openapi(app))

    app.openapi = openapi  # type: ignore[method-assign]  # the way that FastAPI's manual has
    app.add_middleware(Observed)
    app.add_middleware(Traced)
    app.add_middleware(Head)
    answer_with_problems(app)
    answer_refusals(app)
    return app
