"""A replica that froze in the middle of a write, and goes on when another has long written newer levels."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml
from events import record

from conftest import missing
from parts.iot import Platform, Replica
from parts.kafka import Kafka
from parts.mariadb import MariaDb
from parts.process import until
from parts.redis import Redis
from parts.sockets import unread_by, unread_from


def edit(file: Path, **metadata: str) -> None:
    """Sets metadata of a Component."""
    found = yaml.safe_load(file.read_text())
    found["spec"]["metadata"] += [{"name": name, "value": value} for name, value in metadata.items()]
    file.write_text(yaml.safe_dump(found))


def patient(platform: Platform, name: str) -> Replica:
    """A replica, not started, that Kafka gives up sooner, and that fills its batches."""
    replica = platform.replica(name, IOT_DELIVERY_TIMEOUT_SECONDS="60")
    resources = replica.sidecar.log.parent / "resources"
    edit(resources / "pubsub.yaml", sessionTimeout="6s", heartbeatInterval="1s")
    subscription = yaml.safe_load((resources / "subscription.yaml").read_text())
    subscription["spec"]["bulkSubscribe"]["maxAwaitDurationMs"] = 500
    (resources / "subscription.yaml").write_text(yaml.safe_dump(subscription))
    return replica


def started(running: ExitStack, replica: Replica) -> Replica:
    running.enter_context(replica.iot)
    running.enter_context(replica.sidecar)
    until(lambda: replica.iot.answers("/readyz"), "the replica is ready")
    return replica


def all_say(replica: Replica, connections: Sequence[str], level: str) -> bool:
    return all(replica.iot.level(connection) == level for connection in connections)


@pytest.mark.parametrize(("kind", "count"), [(Redis, 1), (Redis, 10), (MariaDb, 10)])
def test_a_replica_that_was_frozen_between_reading_and_writing_puts_nothing_older_back(
    broker: Kafka, tmp_path: Path, kind: type[Redis] | type[MariaDb], count: int
) -> None:
    if kind is MariaDb and (absent := missing(mariadb=True)):
        pytest.skip(f"needs {', '.join(absent)}")
    known = [f"known-{number}" for number in range(count)]
    new = [f"new-{number}" for number in range(count)]
    with ExitStack() as running:
        store = running.enter_context(kind(tmp_path / "store"))
        platform = Platform(broker, tmp_path, running, store)
        old = started(running, patient(platform, "old"))
        platform.put([record(each, "0", 1) for each in known], 0)
        until(lambda: all_say(old, known, "0"), "the first levels are stored")

        store.pause()
        platform.put([record(each, "1", 5) for each in known + new], 0)
        until(lambda: unread_by(store.port), "the old replica asks what is stored")
        old.iot.pause()
        store.resume()
        until(lambda: unread_from(old.sidecar.grpc_port), "the old replica is told what is stored")
        old.sidecar.pause()

        young = started(running, patient(platform, "young"))
        platform.put([record(each, "2", 9) for each in known + new], 0)
        until(lambda: all_say(young, known + new, "2"), "the young replica has the newest levels", 60)
        assert young.iot.metric("iot_store_refusals_total") == 0

        old.resume()
        until(lambda: old.iot.metric("iot_store_refusals_total") >= 1, "the old replica's write is refused")
        until(
            lambda: old.iot.metric('iot_messages_total{fate="stale"}') >= 2, "the old replica is through with its batch"
        )
        assert all_say(young, known + new, "2")
        assert all_say(old, known + new, "2")
