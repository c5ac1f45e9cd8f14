"""The query side of a chain over Dapr: each message is saved as it comes, whatever was there before."""

import json
import os
from typing import Annotated, Any

from fastapi import FastAPI, HTTPException, Query, Request

from bench.bare.lifespan import with_sidecar

TOPIC = os.environ["TOPIC"]

app = FastAPI(lifespan=with_sidecar)


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
