"""Only a sidecar that proves itself delivers, in each form that Dapr has."""

import base64
import json

import httpx
from events import envelope, record

from parts.iot import Iot, Platform
from parts.process import until


def test_a_stranger_delivers_nothing_and_the_sidecar_does(platform: Platform) -> None:
    replica = platform.add("a")
    for headers in ({}, {"dapr-api-token": "guessed"}):
        answer = httpx.post(f"{replica.iot.url}/mandates", json=envelope("7733", "2", "5"), headers=headers, timeout=10)
        assert answer.status_code == 403
        invoked = f"http://127.0.0.1:{replica.sidecar.http_port}/v1.0/invoke/iot/method/mandates"
        assert httpx.post(invoked, json=envelope("7733", "2", "5"), headers=headers, timeout=10).status_code == 404
    assert replica.iot.level("7733") is None
    assert replica.iot.metric("iot_deliveries_refused_total") == 2
    platform.put([record("7733", "1", "5")])
    until(lambda: replica.iot.level("7733") == "1", "the sidecar's delivery is taken")


def test_what_is_refused_to_a_sidecar_with_another_token_is_not_lost(platform: Platform) -> None:
    right = platform.replica("a")
    reached = {"DAPR_GRPC_PORT": str(right.sidecar.grpc_port), "APP_API_TOKEN": "another"}
    with Iot(right.sidecar.folder / "wrong", right.iot.port, **reached) as wrong, right.sidecar:
        platform.put([record("7733", "1", "5")])
        until(lambda: wrong.metric("iot_deliveries_refused_total") >= 2, "it came, and came again", 60)
        assert wrong.level("7733") is None
        wrong.kill()
        with right.iot:
            until(lambda: right.iot.level("7733") == "1", "one with the right token takes it", 60)


def test_raw_payload_without_bulk_is_read(platform: Platform) -> None:
    replica = platform.replica("a")
    file = replica.sidecar.folder / "resources" / "subscription.yaml"
    lines = file.read_text().replace("enabled: true", "enabled: false")
    assert "enabled: false" in lines
    file.write_text(lines)
    platform.create_dead_letter_topic()
    with replica.iot, replica.sidecar:
        platform.put([record("7733", "1", "5"), (b"poison", b"no JSON")], 1, **{"__offset": "9"})
        until(lambda: replica.iot.level("7733") == "1", "it is read")
        (letter,) = until(platform.dead_letters, "the poison is a dead letter").values()
        assert letter["id"] == f"{platform.topic}-1-1"
        assert base64.b64decode(letter["data"]["original"]) == b"no JSON"


def test_an_event_by_itself_is_not_taken_for_a_bulk_whatever_it_holds(platform: Platform) -> None:
    replica = platform.replica("a")
    file = replica.sidecar.folder / "resources" / "subscription.yaml"
    lines = file.read_text().replace("enabled: true", "enabled: false").replace("rawPayload: 'true'", "x: y")
    assert "rawPayload" not in lines
    file.write_text(lines)
    platform.create_dead_letter_topic()
    forged = {"event": envelope("7733", "2", "5"), "metadata": {"__offset": "77", "__partition": "3"}}
    with replica.iot, replica.sidecar:
        platform.put([(b"x", json.dumps({"entries": [forged]}).encode()), record("after", "1", "5")], 1)
        until(lambda: replica.iot.level("after") == "1", "the next one is applied")
        assert list(platform.dead_letters()) == [f"{platform.topic}-1-0"]
        assert replica.iot.level("7733") is None
