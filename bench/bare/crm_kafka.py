"""The command side of a chain without Dapr: each change goes to the broker by its client."""

import json
import os

from confluent_kafka import Producer
from fastapi import FastAPI

TOPIC = os.environ["TOPIC"]

app = FastAPI()
producer = Producer({"bootstrap.servers": os.environ["BROKER"], "linger.ms": 0})


@app.post("/customers/{customer_id}")
async def change(customer_id: str, customer: dict[str, str]) -> dict[str, str]:
    """Send the mandate of a customer's connection."""
    connection = customer["connectionId"]
    mandate = {"connectionId": connection, "connectionMandate": customer["connectionMandate"]}
    producer.produce(TOPIC, json.dumps(mandate), connection)
    producer.poll(0)  # else what was sent before stays in its memory
    return {"customerId": customer_id, **customer}
