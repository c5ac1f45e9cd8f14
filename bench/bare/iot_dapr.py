"""The query side of a chain over Dapr: each message is saved as it comes, whatever was there before."""

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from dapr.aio.clients import DaprClient
from fastapi import FastAPI, HTTPException, Query, Request

TOPIC = os.environ["TOPIC"]


@asynccontextmanager
async def _with_sidecar(_: FastAPI) -> AsyncIterator[dict[str, Any]]:
    async with DaprClient() as dapr:
        yield {"dapr": dapr}


app = FastAPI(lifespan=_with_sidecar)


@app.get("/dapr/subscribe")
async def subscriptions() -> list[dict[str, str]]:
    """What the sidecar is to deliver, one message at a time."""
    return [{"pubsubname": "iot-pubsub", "topic": TOPIC, "route": "/mandates"}]


@app.post("/mandates")
async def take(event: dict[str, Any], request: Request) -> dict[str, str]:
    """Save what a message says."""
    mandate = event["data"]
    await request.state.dapr.save_state("statestore", mandate["connectionId"], json.dumps(mandate))
    return {"status": "SUCCESS"}


@app.get("/")
async def tell(connection: Annotated[str, Query(alias="connectionId")], request: Request) -> dict[str, str]:
    """Tell the mandate of a connection."""
    found = await request.state.dapr.get_state("statestore", connection)
    if not found.data:
        raise HTTPException(404)
    mandate = json.loads(found.data)
    return {"connectionId": mandate["connectionId"], "connectionMandate": mandate["connectionMandate"]}
