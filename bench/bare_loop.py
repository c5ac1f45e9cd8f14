"""The least that a rebuild could be: a consumer's loop into Redis, without Dapr, HTTP and guard."""

import json
import socket
import time

from confluent_kafka import Consumer

from parts.iot import Platform
from parts.redis import Redis

_BATCH = 1000
_DONE = b"+OK\r\n"


def rate(platform: Platform, store: Redis, events: int) -> float:
    """Events per second from the first to the last, with the same JSON read and written as IoT does."""
    brokers, group = platform.broker.address, f"{platform.topic}-bare"
    consumer = Consumer({"bootstrap.servers": brokers, "group.id": group, "auto.offset.reset": "earliest"})
    consumer.subscribe([platform.topic])
    left, begun = events, 0.0
    with socket.create_connection(("127.0.0.1", store.port)) as redis, redis.makefile("rb") as answers:
        while left:
            messages = consumer.consume(_BATCH, 0.05)
            begun = begun or (time.monotonic() if messages else 0.0)
            newest = dict(_record(message.value() or b"") for message in messages)
            redis.sendall(b"".join(_set(key, value) for key, value in newest.items()))
            if answers.read(len(newest) * len(_DONE)) != _DONE * len(newest):
                raise AssertionError("Redis refused a value")
            left -= len(messages)
        seconds = time.monotonic() - begun
    consumer.close()
    return events / seconds


def _record(value: bytes) -> tuple[bytes, bytes]:
    event = json.loads(value)
    data = event["data"]
    kept = {**data, "sequence": int(event["sequence"])}
    return data["connectionId"].encode(), json.dumps(kept).encode()


def _set(key: bytes, value: bytes) -> bytes:
    return b"*3\r\n$3\r\nSET\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n" % (len(key), key, len(value), value)
