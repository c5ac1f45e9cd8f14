"""The least that a rebuild could be: a consumer's loop into Redis, without Dapr, HTTP and guard."""

import json
import time

from confluent_kafka import Consumer
from redis import Redis as Client

from parts.iot import Platform
from parts.redis import Redis

_BATCH = 1000


def rate(platform: Platform, store: Redis, events: int) -> float:
    """Events per second from the first to the last, with the same JSON read and written as IoT does."""
    brokers, group = platform.broker.address, f"{platform.topic}-bare"
    consumer = Consumer({"bootstrap.servers": brokers, "group.id": group, "auto.offset.reset": "earliest"})
    consumer.subscribe([platform.topic])
    left, begun = events, 0.0
    with Client(port=store.port) as client, client.pipeline(transaction=False) as pipeline:
        while left:
            messages = consumer.consume(_BATCH, 0.05)
            begun = begun or (time.monotonic() if messages else 0.0)
            newest = dict(_record(message.value() or b"") for message in messages)
            for key, kept in newest.items():
                pipeline.set(key, kept)
            pipeline.execute()
            left -= len(messages)
        seconds = time.monotonic() - begun
    consumer.close()
    return events / seconds


def _record(value: bytes) -> tuple[bytes, bytes]:
    event = json.loads(value)
    data = event["data"]
    kept = {**data, "sequence": int(event["sequence"])}
    return data["connectionId"].encode(), json.dumps(kept).encode()
