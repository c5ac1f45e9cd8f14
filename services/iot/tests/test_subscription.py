import base64
import json
import logging
from typing import Any

import pytest
from fakes import MemoryStore
from httpx import AsyncClient

from iot.mandate import Arrival, Mandate

pytestmark = pytest.mark.anyio

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def event(id_: str = "7733", level: str = "1", sequence: int = 5, **more: object) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "type": "com.mandates.connection-mandate.v1",
        "sequence": str(sequence),
        "data": {"connectionId": id_, "connectionMandate": level},
        **more,
    }


def in_base64(value: object) -> str:
    return base64.b64encode(json.dumps(value).encode()).decode()


def envelope(*events: object) -> dict[str, Any]:
    """What Dapr 1.18 posts for a bulk subscription to Kafka, as it was captured."""
    return {
        "entries": [
            {
                "entryId": str(i),
                "event": e,
                "metadata": {
                    "__key": "7733",
                    "__offset": str(40 + i),
                    "__partition": "2",
                    "__timestamp": "1795527368335",
                    "__topic": "connection-mandates-topic",
                },
                "contentType": "application/cloudevents+json",
            }
            for i, e in enumerate(events)
        ],
        "id": "3bfc0c00-3dfa-4243-9238-9ac294094db3",
        "metadata": {"pubsubName": "iot-pubsub"},
        "pubsubname": "iot-pubsub",
        "topic": "connection-mandates-topic",
        "type": "com.dapr.event.sent.bulk",
    }


async def post(client: AsyncClient, *events: object) -> list[str]:
    answer = await client.post("/mandates", json=envelope(*events))
    assert answer.status_code == 200
    statuses = answer.json()["statuses"]
    assert [s["entryId"] for s in statuses] == [str(i) for i in range(len(events))]
    return [s["status"] for s in statuses]


async def test_a_batch_is_stored_and_asked_for(client: AsyncClient, store: MemoryStore) -> None:
    batch = [event("a", "0", 2), event("a", "2", 1), in_base64(event("b", "1"))]
    assert await post(client, *batch) == ["SUCCESS"] * 3
    assert (store.level("a"), store.level("b")) == ("0", "1")
    assert store.writes == 2
    assert store.stored["b"].mandate == Mandate("b", "1", 5, Arrival(1795527368335, 2, 42))
    assert (await client.get("/?connectionId=a")).json()["connectionMandate"] == "0"


async def test_each_entry_gets_its_own_status(client: AsyncClient, store: MemoryStore) -> None:
    store.put(Mandate("old", "2", 9))
    store.before_save = lambda: setattr(store, "away", True)
    batch = [event("a"), None, event("old", "0", 1), event("x", "7"), in_base64("hello")]
    assert await post(client, *batch) == ["RETRY", "DROP", "SUCCESS", "DROP", "DROP"]


async def test_with_the_store_away_poison_is_still_dropped(client: AsyncClient, store: MemoryStore) -> None:
    store.away = True
    assert await post(client, event(), {}) == ["RETRY", "DROP"]
    store.away = False
    assert await post(client, event(), {}) == ["SUCCESS", "DROP"]


async def test_an_empty_batch(client: AsyncClient) -> None:
    assert await post(client) == []


async def test_one_message_by_itself(client: AsyncClient, store: MemoryStore) -> None:
    at = {"__partition": "2", "__offset": "7", "__timestamp": "99"}
    answer = await client.post("/mandates", json=event(), headers=at)
    assert answer.json() == {"status": "SUCCESS"}
    assert store.stored["7733"].mandate == Mandate("7733", "1", 5, Arrival(99, 2, 7))
    assert (await client.post("/mandates", json={"data": 1})).json() == {"status": "DROP"}
    store.away = True
    assert (await client.post("/mandates", json=event(level="2", sequence=6))).json() == {"status": "RETRY"}


@pytest.mark.parametrize("body", [b"", b"hello", b"5", b"[]", b"\xff", b"[" * 100_000])
async def test_a_body_that_is_no_message(client: AsyncClient, body: bytes) -> None:
    answer = await client.post("/mandates", content=body)
    assert answer.json() == {"status": "DROP"}


@pytest.mark.parametrize("entries", [[5, None], [{}], [{"event": event(), "metadata": 5}]])
async def test_entries_that_are_not_as_dapr_makes_them(client: AsyncClient, entries: list[object]) -> None:
    answer = await client.post("/mandates", json={"entries": entries})
    assert answer.status_code == 200


async def test_a_dropped_message_is_logged_with_position_reason_and_data(
    client: AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    await post(client, event(), in_base64("hello"))
    (record,) = [r for r in caplog.records if r.levelno == logging.ERROR]
    said = vars(record)
    assert (said["topic"], said["partition"], said["offset"], said["key"]) == (
        "connection-mandates-topic",
        "2",
        "41",
        "7733",
    )
    assert said["reason"] == "not a JSON object but str"
    assert said["raw"] == '"hello"'


async def test_a_batch_that_must_come_again_is_logged_once_with_the_reason(
    client: AsyncClient, store: MemoryStore, caplog: pytest.LogCaptureFixture
) -> None:
    store.away = True
    await post(client, event("a"), event("a"), event("b"))
    (record,) = [r for r in caplog.records if r.levelno == logging.WARNING]
    assert vars(record)["connections"] == 2
    assert "connection refused" in vars(record)["reason"]
