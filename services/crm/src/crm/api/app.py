"""The HTTP API: the lab's routes (`/?customerId=2`, `/customers`) and resource paths beside them."""

from fastapi import FastAPI

from crm.api import operations
from crm.api.announcements import add_announcing
from crm.api.changes import add_changing
from crm.api.customers import add_reading
from crm.api.direct import Direct
from crm.api.probes import add_operating
from crm.api.problems import answer_problems
from crm.domain.customers import Customers, Imported
from crm.domain.progress import Progress
from crm.observability.metrics import Metrics
from crm.observability.middleware import Observed


def create_api(customers: Customers, progress: Progress, metrics: Metrics, app_api_token: str | None = None) -> FastAPI:
    """The application over `customers`, which it keeps to itself until the import is finished.

    `app_api_token` is what operators prove themselves with; without one nobody is taken for an operator.
    """
    api = FastAPI(
        title="CRM",
        version=operations.VERSION,
        description=operations.DESCRIPTION,
        openapi_url=None,  # operating.py has a route for it
        redirect_slashes=False,
        # Nothing here collects it; to look for who might, at each request, takes longer than to count it.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    api.router.route_class = Direct
    api.add_middleware(Observed, metrics=metrics)
    answer_problems(api)
    imported = Imported(customers, progress)
    add_changing(api, imported)
    add_reading(api, imported)
    add_announcing(api, imported, app_api_token)
    add_operating(api, imported, metrics)
    return api
