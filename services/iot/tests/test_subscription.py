import base64
import json
import logging
from typing import Any

import pytest
from fakes import MemoryDeadLetters, MemoryStore
from httpx import AsyncClient

from iot.intake import LINES
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


async def test_each_entry_gets_its_own_status(
    client: AsyncClient, store: MemoryStore, dead_letters: MemoryDeadLetters
) -> None:
    store.put(Mandate("old", "2", 9))
    store.before_save = lambda: setattr(store, "away", True)
    batch = [event("a"), None, event("old", "0", 1), event("x", "7"), in_base64("hello")]
    dead_letters.refused = {"connection-mandates-topic-2-44"}
    assert await post(client, *batch) == ["RETRY", "SUCCESS", "SUCCESS", "SUCCESS", "RETRY"]
    assert set(dead_letters.letters) == {"connection-mandates-topic-2-41", "connection-mandates-topic-2-43"}


async def test_with_the_store_away_poison_is_a_dead_letter_all_the_same(
    client: AsyncClient, store: MemoryStore, dead_letters: MemoryDeadLetters
) -> None:
    store.away = True
    assert await post(client, event(), {}) == ["RETRY", "SUCCESS"]
    store.away = False
    assert await post(client, event(), {}) == ["SUCCESS", "SUCCESS"]
    assert len(dead_letters.letters) == 1


async def test_with_the_dead_letter_topic_away_poison_comes_again_and_the_rest_is_applied(
    client: AsyncClient, store: MemoryStore, dead_letters: MemoryDeadLetters
) -> None:
    dead_letters.away = True
    assert await post(client, event("a"), {}, event("b")) == ["SUCCESS", "RETRY", "SUCCESS"]
    assert (store.level("a"), store.level("b")) == ("1", "1")
    dead_letters.away = False
    assert await post(client, event("a"), {}, event("b")) == ["SUCCESS"] * 3
    assert dead_letters.reasons() == ["data is missing"]


async def test_one_dead_letter_sent_again_says_whether_it_was_taken(client: AsyncClient, store: MemoryStore) -> None:
    async def redrive(original: object) -> dict[str, str]:
        again = {"entryId": "x", "event": in_base64(original), "metadata": {"__topic": "t", "__offset": "7"}}
        (status,) = (await client.post("/mandates", json={"entries": [again]})).json()["statuses"]
        assert isinstance(status, dict)
        return status

    assert await redrive(event()) == {"entryId": "x", "status": "SUCCESS"}
    assert await redrive([]) == {"entryId": "x", "status": "SUCCESS", "reason": "not a JSON object but list"}
    store.away = True
    answer = await redrive(event())
    assert (answer["status"], answer["reason"]) == ("RETRY", "UNAVAILABLE: connection refused")


async def test_an_empty_batch(client: AsyncClient) -> None:
    assert await post(client) == []


async def test_one_message_by_itself(client: AsyncClient, store: MemoryStore, dead_letters: MemoryDeadLetters) -> None:
    at = {"__partition": "2", "__offset": "7", "__timestamp": "99"}
    answer = await client.post("/mandates", json=event(), headers=at)
    assert answer.json() == {"status": "SUCCESS"}
    assert store.stored["7733"].mandate == Mandate("7733", "1", 5, Arrival(99, 2, 7))
    answer = await client.post("/mandates", json={"data": 1}, headers=at | {"__topic": "t"})
    assert answer.json() == {"status": "SUCCESS", "reason": "data is neither an object nor text"}
    assert dead_letters.letters["t-2-7"].message.original() == b'{"data":1}'
    store.away = True
    assert (await client.post("/mandates", json=event(level="2", sequence=6))).json()["status"] == "RETRY"


@pytest.mark.parametrize("body", [b"", b"hello", b"5", b"[]", b"\xff", b"[" * 100_000])
async def test_a_body_that_is_no_message(client: AsyncClient, dead_letters: MemoryDeadLetters, body: bytes) -> None:
    answer = await client.post("/mandates", content=body)
    assert answer.json()["status"] == "SUCCESS"
    (letter,) = dead_letters.letters.values()
    assert letter.message.original() == body


@pytest.mark.parametrize("entries", [[5, None], [{}], [{"event": event(), "metadata": 5}]])
async def test_entries_that_are_not_as_dapr_makes_them(client: AsyncClient, entries: list[object]) -> None:
    answer = await client.post("/mandates", json={"entries": entries})
    assert answer.status_code == 200


async def test_a_message_that_cannot_be_read_is_logged_with_its_dead_letter_and_the_reason(
    client: AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    await post(client, event(), in_base64("hello"))
    (record,) = [r for r in caplog.records if r.levelno == logging.ERROR]
    assert vars(record)["deadLetter"] == "connection-mandates-topic-2-41"
    assert vars(record)["reason"] == "not a JSON object but str"


async def test_a_change_is_logged_with_its_own_trace(client: AsyncClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    await post(client, event("a", traceparent=PARENT), event("b"))
    one, two = (vars(r) for r in caplog.records if r.message == "mandate applied")
    assert (one["connectionId"], one["sequence"], one["partition"], one["offset"]) == ("a", 5, 2, 40)
    assert one["traceId"] == PARENT.split("-")[1]
    assert two["connectionId"] == "b"
    assert "traceId" not in two


async def test_a_rebuild_is_logged_by_the_batch(client: AsyncClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    await post(client, *(event(str(number)) for number in range(LINES + 1)))
    (said,) = (vars(r) for r in caplog.records if r.name == "iot.intake")
    assert said["connections"] == LINES + 1


async def test_a_batch_that_must_come_again_is_logged_once_with_the_reason(
    client: AsyncClient, store: MemoryStore, caplog: pytest.LogCaptureFixture
) -> None:
    store.away = True
    await post(client, event("a"), event("a"), event("b"))
    (record,) = [r for r in caplog.records if r.levelno == logging.WARNING]
    assert vars(record)["connections"] == 2
    assert "connection refused" in vars(record)["reason"]
