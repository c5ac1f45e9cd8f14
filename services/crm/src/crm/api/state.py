"""What routes need of the process, from the state that the lifespan in main.py gives each request."""

from typing import TypedDict, cast

from fastapi import Request

from crm.domain.customers import Customers, ImportingError
from crm.domain.progress import Progress
from crm.observability.metrics import Metrics


class State(TypedDict):
    """What each request finds in `request.state`."""

    customers: Customers
    progress: Progress
    metrics: Metrics
    app_api_token: str


def customers_of(request: Request) -> Customers:
    """The store once the import has ended. Raises ImportingError.

    Before, a new customer could take an id that the file still needs, and who reads could take one for
    unknown that is only not there yet. Called by each route rather than depended on, which would take FastAPI
    as long as all else that it does for a route that takes the request (measured: 24 us more).
    """
    progress: Progress = request.state.progress
    if not progress.finished:
        raise ImportingError(str(progress))
    return cast(Customers, request.state.customers)
