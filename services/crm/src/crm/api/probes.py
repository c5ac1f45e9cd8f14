"""The routes for those who operate the service: probes, metrics, the schema."""

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from crm.api import operations
from crm.api.direct import get_and_head
from crm.domain.customers import Customers
from crm.observability.metrics import Metrics


def add_operating(api: FastAPI, customers: Customers, metrics: Metrics) -> None:
    """Add the routes to `api`."""

    async def alive(_: Request) -> Response:
        """The process answers."""
        return Response('{"status":"alive"}', media_type="application/json")

    async def ready(_: Request) -> Response:
        """The store answers. The sidecar and the broker may be away: changes are taken anyway."""
        await customers.is_empty()
        return Response('{"status":"ready"}', media_type="application/json")

    async def measured(_: Request) -> Response:
        """Metrics in Prometheus's text format."""
        return Response(await metrics.text(), headers={"Content-Type": "text/plain; version=0.0.4"})

    async def described(_: Request) -> Response:
        """This document."""
        return JSONResponse(operations.document(api))

    get_and_head(api, "/livez", alive, **operations.ALIVE)
    get_and_head(api, "/readyz", ready, **operations.READY)
    get_and_head(api, "/metrics", measured, **operations.METRICS)
    get_and_head(api, "/openapi.json", described, **operations.OPENAPI)
