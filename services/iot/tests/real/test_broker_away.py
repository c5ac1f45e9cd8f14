"""A sidecar that starts while the broker is away."""

import json
from contextlib import ExitStack
from pathlib import Path

import httpx
from events import record

from parts.iot import Platform
from parts.kafka import Kafka
from parts.process import free_port, until
from parts.redis import Redis


def test_a_replica_without_a_subscription_answers_and_says_so_until_it_has_one(broker: Kafka, tmp_path: Path) -> None:
    with ExitStack() as running:
        platform = Platform(broker, tmp_path, running, running.enter_context(Redis(tmp_path / "redis")))
        replica = platform.replica("a")
        pubsub = replica.sidecar.log.parent / "resources" / "pubsub.yaml"
        right = pubsub.read_text()
        pubsub.write_text(right.replace(str(broker.port), str(free_port())))
        running.enter_context(replica.iot)
        running.enter_context(replica.sidecar)
        until(lambda: replica.iot.answers("/readyz"), "the replica is ready")
        told = httpx.get(f"{replica.iot.url}/readyz").json()
        assert (told["status"], told["subscribed"]) == ("ready", False)
        assert "without its component iot-pubsub" in told["reason"]
        assert replica.iot.ask("7733").status_code == 404
        assert replica.iot.metric("iot_subscribed") == 0

        replica.sidecar.kill()
        pubsub.write_text(right)
        replica.sidecar.begin()
        until(lambda: replica.iot.metric("iot_subscribed") == 1, "the replica has its subscription")
        platform.put([record("7733", "1", 5)])
        until(lambda: replica.iot.level("7733") == "1", "events come")
    lines = [json.loads(line) for line in replica.iot.said().splitlines()]
    messages = [line["message"] for line in lines if line["logger"] == "iot.dapr.subscription_status"]
    assert messages[0] == "no events come"
    assert messages[-1] == "events come again"
