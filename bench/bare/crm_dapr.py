"""The command side of a chain over Dapr: each change becomes one message, and nothing is kept."""

import json
import os

from fastapi import FastAPI, Request

from bench.bare.lifespan import with_sidecar

TOPIC = os.environ["TOPIC"]

app = FastAPI(lifespan=with_sidecar)


@app.post("/customers/{customer_id}")
async def change(customer_id: str, customer: dict[str, str], request: Request) -> dict[str, str]:
    """Publish the mandate of a customer's connection."""
    connection = customer["connectionId"]
    mandate = json.dumps({"connectionId": connection, "connectionMandate": customer["connectionMandate"]})
    await request.state.dapr.publish_event(
        "crm-pubsub",
        TOPIC,
        mandate,
        publish_metadata={"partitionKey": connection},  # a compacted topic takes nothing without a key
        data_content_type="application/json",
    )
    return {"customerId": customer_id, **customer}
