"""What routes need of the process, from the state that the lifespan in main.py gives each request."""

from typing import Annotated, cast

from fastapi import Depends, Request

from iot.observability.metrics import Metrics
from iot.readmodel.store import Store


async def _store(request: Request) -> Store:
    return cast(Store, request.state.store)


async def _metrics(request: Request) -> Metrics:
    return cast(Metrics, request.state.metrics)


StoreOfApp = Annotated[Store, Depends(_store)]
MetricsOfApp = Annotated[Metrics, Depends(_metrics)]
