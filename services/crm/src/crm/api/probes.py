"""For who runs the service: probes and metrics."""

from fastapi import APIRouter, Request, Response
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from crm.api.contract import example, problems
from crm.api.schemas import Status
from crm.api.state import customers_of

router = APIRouter(tags=["operation"])


@router.get("/livez", summary="Liveness", responses=example({"status": "alive"}))
async def livez() -> Status:
    """The process answers."""
    return Status(status="alive")


@router.get("/readyz", summary="Readiness", responses=example({"status": "ready"}) | problems(500, 503))
async def readyz(request: Request) -> Status:
    """The store answers, and the file is imported. Sidecar and broker may be away: changes are taken anyway."""
    await customers_of(request).is_empty()
    return Status(status="ready")


METRICS = {"content": {"text/plain": {"schema": {"type": "string"}, "example": "crm_relay_active 1.0\n"}}}


@router.get("/metrics", response_class=Response, responses={200: METRICS})
async def metrics(request: Request) -> Response:
    """In Prometheus's text format."""
    return Response(await request.state.metrics.text(), headers={"Content-Type": CONTENT_TYPE_LATEST})
