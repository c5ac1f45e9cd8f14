import base64
import json
import logging
import time
from typing import Any

import pytest
from fakes import MemoryDeadLetters, MemoryStatus, MemoryStore, app_over
from httpx import ASGITransport, AsyncClient

from iot.consumer.handler import LINES
from iot.consumer.message import MAX_SIZE
from iot.domain.mandate import Arrival, Mandate
from iot.settings import Settings
from parts.daprd import APP_API_TOKEN

pytestmark = pytest.mark.anyio

AT = 1795527368335
"""Milliseconds since 1970."""
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
    (said,) = (vars(r) for r in caplog.records if r.name == "iot.consumer.handler")
    assert said["connections"] == LINES + 1


async def test_a_batch_that_must_come_again_is_logged_once_with_the_reason(
    client: AsyncClient, store: MemoryStore, caplog: pytest.LogCaptureFixture
) -> None:
    store.away = True
    await post(client, event("a"), event("a"), event("b"))
    (record,) = [r for r in caplog.records if r.levelno == logging.WARNING]
    assert vars(record)["connections"] == 2
    assert "connection refused" in vars(record)["reason"]


@pytest.mark.parametrize(
    "tokens", [[], [""], ["guessed"], ["ö"], [APP_API_TOKEN, APP_API_TOKEN], [APP_API_TOKEN + "x"]]
)
@pytest.mark.parametrize("body", [event(level="2"), envelope(event(level="2")), "poison"])
async def test_what_does_not_come_from_the_sidecar_is_refused(
    client: AsyncClient, store: MemoryStore, dead_letters: MemoryDeadLetters, tokens: list[str], body: object
) -> None:
    del client.headers["dapr-api-token"]
    headers = [(b"dapr-api-token", each.encode()) for each in tokens]
    answer = await client.post("/mandates", json=body, headers=headers)
    assert answer.status_code == 403
    assert answer.headers["content-type"] == "application/problem+json"
    assert (store.stored, dead_letters.letters) == ({}, {})
    assert "iot_deliveries_refused_total 1.0" in (await client.get("/metrics")).text


async def test_without_a_token_nobody_is_taken_for_the_sidecar(store: MemoryStore) -> None:
    app = app_over(store, MemoryDeadLetters(), MemoryStatus(), Settings())
    async with AsyncClient(transport=ASGITransport(app), base_url="http://iot") as client:
        for given in ("", "  ", "None"):
            answer = await client.post("/mandates", json=event(), headers={"dapr-api-token": given})
            assert answer.status_code == 403
        assert (await client.get("/?connectionId=7733")).status_code == 404


async def test_many_refusals_are_one_line_of_the_log(client: AsyncClient, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(50):
        await client.post("/mandates", json=event(), headers={"dapr-api-token": "guessed"})
    (record,) = [r for r in caplog.records if r.name == "iot.consumer.token"]
    assert record.levelno == logging.WARNING


LATEST = AT * 1000 + 3_600_000_000
"""An hour ahead of the record's time."""


@pytest.mark.parametrize("sequence", [1, LATEST])
async def test_a_sequence_not_far_ahead_of_the_records_time_is_taken(
    client: AsyncClient, store: MemoryStore, sequence: int
) -> None:
    assert await post(client, event(level="2", sequence=sequence)) == ["SUCCESS"]
    assert store.level("7733") == "2"


@pytest.mark.parametrize("sequence", [LATEST + 1, 9 * 10**18])
async def test_one_further_ahead_is_a_dead_letter_and_not_a_level_for_ever(
    client: AsyncClient, store: MemoryStore, dead_letters: MemoryDeadLetters, sequence: int
) -> None:
    assert await post(client, event(level="2", sequence=sequence)) == ["SUCCESS"]
    assert store.stored == {}
    (reason,) = dead_letters.reasons()
    assert f"sequence {sequence} is {(sequence - AT * 1000) // 1_000_000} s ahead of the record's own time" in reason


async def test_without_a_records_time_the_clock_is_what_a_sequence_is_held_against(
    client: AsyncClient, store: MemoryStore, dead_letters: MemoryDeadLetters
) -> None:
    now = int(time.time() * 1e6)
    for ahead, name in {3_500: "a", 3_700: "b"}.items():
        await client.post("/mandates", json=event(name, sequence=now + ahead * 1_000_000))
    assert set(store.stored) == {"a"}
    assert len(dead_letters.letters) == 1


async def test_events_that_are_set_back_are_counted_and_logged(
    client: AsyncClient, store: MemoryStore, caplog: pytest.LogCaptureFixture
) -> None:
    for id_ in "adf":
        store.put(Mandate(id_, "2", 9, Arrival(5)))
    b_and_c = [event("b", "1", 7), event("b", "0", 6), event("b", "0", 7), event("c")]
    both_of_d, one_of_f = [event("d", "1", 8), event("d", "0", 7)], [event("f", "1", 8), event("f", "0", 10)]
    batch = [event("a", "1", 8), *b_and_c, *both_of_d, *one_of_f]
    assert await post(client, *batch) == ["SUCCESS"] * len(batch)
    assert [store.level(id_) for id_ in "abdf"] == ["2", "0", "2", "0"]
    said = [vars(r) for r in caplog.records if "set back" in r.message]
    told = [(one["connectionId"], one["sequence"], one["known"], one["partition"], one["offset"]) for one in said]
    assert told == [("a", 8, 9, 2, 40), ("b", 6, 7, 2, 42), ("d", 8, 9, 2, 45), ("d", 7, 9, 2, 46), ("f", 8, 9, 2, 47)]
    assert "iot_events_set_back_total 5.0" in (await client.get("/metrics")).text


async def test_many_that_are_set_back_are_one_line(
    client: AsyncClient, store: MemoryStore, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(LINES + 1):
        store.put(Mandate(str(number), "2", 9, Arrival(5)))
    await post(client, *(event(str(number)) for number in range(LINES + 1)))
    (said,) = (vars(r) for r in caplog.records if "set back" in r.message)
    assert said["events"] == LINES + 1


async def test_what_is_set_back_and_comes_again_with_its_batch_is_counted_once(
    client: AsyncClient, store: MemoryStore
) -> None:
    store.away = True
    batch = [event("a", "1", 6), event("a", "2", 5)]
    assert await post(client, *batch) == ["RETRY"] * 2
    store.away = False
    assert await post(client, *batch) == ["SUCCESS"] * 2
    assert "iot_events_set_back_total 1.0" in (await client.get("/metrics")).text


async def test_a_redelivery_is_not_taken_for_a_clock_that_was_set_back(client: AsyncClient) -> None:
    for _ in range(2):
        assert await post(client, event("a", "1", 5), event("a", "2", 6)) == ["SUCCESS"] * 2
    assert "iot_events_set_back_total 0.0" in (await client.get("/metrics")).text


async def test_what_the_sidecar_has_wrapped_is_read(
    client: AsyncClient, store: MemoryStore, dead_letters: MemoryDeadLetters
) -> None:
    def wrapped(text: bytes) -> dict[str, str]:
        """As Dapr 1.18 hands a record on by rawPayload without bulk."""
        inner = base64.b64encode(text).decode()
        return {"specversion": "1.0", "id": "x", "type": "com.dapr.event.sent", "data_base64": inner}

    at = {"__topic": "t", "__partition": "2", "__offset": "7", "__timestamp": str(AT)}
    one = await client.post("/mandates", json=wrapped(json.dumps(event("a")).encode()), headers=at)
    assert one.json() == {"status": "SUCCESS"}
    assert store.stored["a"].mandate == Mandate("a", "1", 5, Arrival(AT, 2, 7))
    data = {"connectionId": "b", "connectionMandate": 2}
    await client.post("/mandates", json=wrapped(json.dumps(data).encode()), headers=at)
    assert store.level("b") == "2"
    for poison in (b"no JSON", b"[]", b"{}"):
        await client.post("/mandates", json=wrapped(poison), headers=at)
        assert set(dead_letters.letters) == {"t-2-7"}


async def test_of_what_the_sidecar_has_wrapped_the_bytes_of_the_topic_are_kept_and_measured(
    client: AsyncClient, store: MemoryStore, dead_letters: MemoryDeadLetters
) -> None:
    def wrapped(record: bytes) -> dict[str, object]:
        """As Dapr 1.18 makes it."""
        return {
            "id": "f4b3",
            "specversion": "1.0",
            "datacontenttype": "application/octet-stream",
            "source": "Dapr",
            "type": "com.dapr.event.sent",
            "topic": "t",
            "pubsubname": "iot-pubsub",
            "data_base64": base64.b64encode(record).decode(),
        }

    for offset, poison in enumerate((b"", b"no JSON", b"{}", b"x" * (MAX_SIZE + 1))):
        at = {"__topic": "t", "__partition": "2", "__offset": str(offset)}
        await client.post("/mandates", json=wrapped(poison), headers=at)
        assert dead_letters.letters[f"t-2-{offset}"].message.original() == poison
    reasons = dead_letters.reasons()
    assert (reasons[0], reasons[2]) == ("the event is empty", "data is missing")
    assert "too large: 65537 bytes" in reasons[3]
    large = json.dumps(event("a", pad="x" * (MAX_SIZE - 300))).encode()
    await client.post("/mandates", json=wrapped(large), headers=at)
    assert store.level("a") == "1"


async def test_an_event_by_itself_is_not_taken_for_a_bulk_whatever_it_holds(
    client: AsyncClient, store: MemoryStore, dead_letters: MemoryDeadLetters
) -> None:
    at = {"__topic": "t", "__partition": "2", "__offset": "7", "Content-Type": "application/cloudevents+json"}
    for entries in ([], [{"event": event(), "metadata": {"__offset": "77"}}]):
        answer = await client.post("/mandates", content=json.dumps({"entries": entries}), headers=at)
        assert answer.json() == {"status": "SUCCESS", "reason": "data is missing"}
    assert (store.stored, set(dead_letters.letters)) == ({}, {"t-2-7"})
