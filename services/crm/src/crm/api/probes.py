"""For who runs the service: probes and metrics."""

from fastapi import APIRouter, Request, Response
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from crm.api.schemas import Status
from crm.api.state import customers_of

router = APIRouter(include_in_schema=False)


@router.get("/livez")
async def livez() -> Status:
    """The process answers."""
    return Status(status="alive")


@router.get("/readyz")
async def readyz(request: Request) -> Status:
    """The store answers, and the file is imported. Sidecar and broker may be away: changes are taken anyway."""
    await customers_of(request).is_empty()
    return Status(status="ready")


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """Prometheus's text format."""
    return Response(await request.state.metrics.text(), headers={"Content-Type": CONTENT_TYPE_LATEST})
