"""The least that a rebuild could be: a consumer's loop into the store, without Dapr, HTTP and guard."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager

import sqlalchemy as sql
from confluent_kafka import Consumer

from parts.iot import Platform
from parts.mariadb import MariaDb
from parts.redis import Redis
from redis import Redis as Client

_BATCH = 1000

_TABLE = "CREATE TABLE bare (id VARCHAR(255) PRIMARY KEY, kept JSON NOT NULL)"
_ROW = "INSERT INTO bare (id, kept) VALUES (:id, :kept) ON DUPLICATE KEY UPDATE kept = VALUES(kept)"

Writer = Callable[[Mapping[str, str]], None]
"""Writes what is to be kept, by key."""


def rate(platform: Platform, store: Redis | MariaDb, events: int) -> float:
    """Events per second from the first to the last, with the same JSON read and written as IoT does."""
    brokers, group = platform.broker.address, f"{platform.topic}-bare"
    consumer = Consumer({"bootstrap.servers": brokers, "group.id": group, "auto.offset.reset": "earliest"})
    consumer.subscribe([platform.topic])
    left, begun = events, 0.0
    with closing(consumer), _into_redis(store) if isinstance(store, Redis) else _into_mariadb(store) as write:
        while left:
            messages = consumer.consume(_BATCH, 0.05)
            begun = begun or (time.monotonic() if messages else 0.0)
            if messages:
                write(dict(_record(message.value() or b"") for message in messages))
            left -= len(messages)
        return events / (time.monotonic() - begun)


@contextmanager
def _into_redis(store: Redis) -> Iterator[Writer]:
    with Client(port=store.port) as client, client.pipeline(transaction=False) as pipeline:

        def write(newest: Mapping[str, str]) -> None:
            for key, kept in newest.items():
                pipeline.set(key, kept)
            pipeline.execute()

        yield write


@contextmanager
def _into_mariadb(store: MariaDb) -> Iterator[Writer]:
    engine = sql.create_engine(store.url)

    def write(newest: Mapping[str, str]) -> None:
        with engine.begin() as db:
            db.execute(sql.text(_ROW), [{"id": key, "kept": kept} for key, kept in newest.items()])

    with engine.begin() as db:
        db.execute(sql.text(_TABLE))
    yield write
    engine.dispose()


def _record(value: bytes) -> tuple[str, str]:
    event = json.loads(value)
    data = event["data"]
    kept = {**data, "sequence": int(event["sequence"])}
    return data["connectionId"], json.dumps(kept)
