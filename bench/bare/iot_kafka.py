"""The query side of a chain without Dapr: a thread takes messages into Redis, which queries are answered from."""

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from threading import Event, Thread
from typing import Annotated, Any

from confluent_kafka import Consumer
from fastapi import FastAPI, HTTPException, Query, Request
from redis.asyncio import Redis as AsyncRedis

from redis import Redis

TOPIC, STORE = os.environ["TOPIC"], int(os.environ["STORE"])


def _take(stopped: Event) -> None:
    brokers, group = os.environ["BROKER"], f"{TOPIC}-bare"
    consumer = Consumer({"bootstrap.servers": brokers, "group.id": group, "auto.offset.reset": "earliest"})
    consumer.subscribe([TOPIC])
    with Redis(port=STORE) as store:
        while not stopped.is_set():
            if message := consumer.poll(0.1):
                store.set(message.key() or b"", message.value() or b"")
    consumer.close()


@asynccontextmanager
async def _taking(_: FastAPI) -> AsyncIterator[dict[str, Any]]:
    stopped = Event()
    thread = Thread(target=_take, args=(stopped,))
    thread.start()
    async with AsyncRedis(port=STORE) as store:
        yield {"store": store}
    stopped.set()
    thread.join()


app = FastAPI(lifespan=_taking)


@app.get("/")
async def tell(connection: Annotated[str, Query(alias="connectionId")], request: Request) -> dict[str, str]:
    """Tell the mandate of a connection."""
    found = await request.state.store.get(connection)
    if found is None:
        raise HTTPException(404)
    mandate = json.loads(found)
    return {"connectionId": mandate["connectionId"], "connectionMandate": mandate["connectionMandate"]}
