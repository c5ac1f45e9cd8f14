"""KafkaTopic against a real broker: what Strimzi's topic operator was seen to do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from confluent_kafka.admin import (
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    ResourceType,
)

from strimzi_double.admin import TopicState
from strimzi_double.authority import random_password
from strimzi_double.confluent import ConfluentAdmin
from strimzi_double.topic import FINALIZER
from strimzi_double.topic_reconciler import TopicReconciler

from .broker import Broker, running_broker
from .resources import READY, MemoryKube, the_condition, topic

pytestmark = pytest.mark.broker


class Scene:
    """A broker, resources in memory, and the operator between them."""

    def __init__(self, broker: Broker, *resources: dict[str, Any]) -> None:
        self.kube = MemoryKube(*resources)
        self.admin = broker.admin()
        self._broker = broker
        self._reconciler = TopicReconciler(self.kube)

    async def reconcile(self, name: str) -> dict[str, Any]:
        """Reconcile the resource; how it is afterwards ({} if it is gone)."""
        found = await self.kube.get("KafkaTopic", "ns", name)
        assert found is not None
        await self._reconciler.reconcile(found, self.admin)
        await self._broker.caught_up()
        return await self.kube.get("KafkaTopic", "ns", name) or {}

    async def condition(self, name: str) -> dict[str, Any]:
        return the_condition(await self.reconcile(name))

    async def topic(self, name: str) -> TopicState:
        state = await self.admin.topic(name)
        assert state is not None, f"no topic {name}"
        return state

    async def own_config(self, name: str) -> dict[str, str | None]:
        state = await self.topic(name)
        return {key: entry.value for key, entry in state.config.items() if entry.own}


@pytest.fixture
def name() -> str:
    return f"t-{random_password(8).lower()}"


def refused(reason: str, message: str) -> dict[str, str]:
    return {"type": "Ready", "status": "False", "reason": reason, "message": message}


def kafka_error(exception: str, message: str) -> dict[str, str]:
    return refused("KafkaError", f"org.apache.kafka.common.errors.{exception}: {message}")


async def set_by_hand(broker: Broker, name: str, key: str, value: str) -> None:
    entry = ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET)
    target = ConfigResource(ResourceType.TOPIC, name, incremental_configs=[entry])
    (done,) = broker.by_hand.incremental_alter_configs([target]).values()
    await broker.did(done)


async def test_a_new_resource_gets_its_topic(broker: Broker, name: str) -> None:
    wanted = {"partitions": 4, "replicas": 1, "config": {"cleanup.policy": "compact"}}
    scene = Scene(broker, topic(name, wanted))
    made = await scene.reconcile(name)
    state = await scene.topic(name)
    assert the_condition(made) == READY
    assert made["status"]["observedGeneration"] == 1
    assert made["status"]["topicName"] == name
    assert made["status"]["topicId"] == state.topic_id
    assert made["metadata"]["finalizers"] == [FINALIZER]
    assert state.replicas == {0: 1, 1: 1, 2: 1, 3: 1}
    assert await scene.own_config(name) == {"cleanup.policy": "compact"}


async def test_the_id_is_spelled_as_kafka_spells_it(broker: Broker, name: str) -> None:
    scene = Scene(broker, topic(name))
    made = await scene.reconcile(name)
    told = broker.run("bin/kafka-topics.sh", "--bootstrap-server", broker.plain, "--describe")
    assert f"TopicId: {made['status']['topicId']}" in told


async def test_it_is_ready_within_the_time_the_real_one_takes(broker: Broker, name: str) -> None:
    scene = Scene(broker, topic(name))
    began = time.monotonic()
    assert await scene.condition(name) == READY
    assert time.monotonic() - began < 1.3 * 3, "1.3 s were seen; three times that is a fault"


async def test_nothing_is_written_when_nothing_changed(broker: Broker, name: str) -> None:
    scene = Scene(broker, topic(name, {"partitions": 2, "config": {"retention.ms": 5000}}))
    await scene.reconcile(name)
    writes = scene.kube.writes
    await scene.reconcile(name)
    assert scene.kube.writes == writes


async def test_an_empty_spec_takes_the_brokers_defaults(broker: Broker, name: str) -> None:
    scene = Scene(broker, topic(name, {}))
    assert await scene.condition(name) == READY
    assert (await scene.topic(name)).replicas == {0: 1}


async def test_partitions_grow_and_never_shrink(broker: Broker, name: str) -> None:
    scene = Scene(broker, topic(name, {"partitions": 4}))
    await scene.reconcile(name)
    scene.kube.edit("KafkaTopic", name, partitions=8)
    assert await scene.condition(name) == READY
    assert len((await scene.topic(name)).replicas) == 8

    scene.kube.edit("KafkaTopic", name, partitions=4, config={"retention.ms": 7000})
    failed = await scene.reconcile(name)
    assert the_condition(failed) == refused("NotSupported", "Decreasing partitions not supported")
    assert failed["status"]["observedGeneration"] == 3
    assert len((await scene.topic(name)).replicas) == 8
    assert await scene.own_config(name) == {"retention.ms": "7000"}, "still applied"

    scene.kube.edit("KafkaTopic", name, partitions=8)
    assert await scene.condition(name) == READY


async def test_config_is_set_added_and_removed(broker: Broker, name: str) -> None:
    scene = Scene(broker, topic(name, {"config": {"retention.ms": 1000}}))
    await scene.reconcile(name)
    wanted = {"retention.ms": 2000, "cleanup.policy": "compact"}
    scene.kube.edit("KafkaTopic", name, config=wanted)
    await scene.reconcile(name)
    assert await scene.own_config(name) == {"retention.ms": "2000", "cleanup.policy": "compact"}
    scene.kube.edit("KafkaTopic", name, config={"cleanup.policy": "compact"})
    assert await scene.condition(name) == READY
    state = await scene.topic(name)
    assert state.config["retention.ms"] == ("604800000", False), "back to the default"


async def test_a_list_is_joined_and_an_object_refused(broker: Broker, name: str) -> None:
    policies = ["compact", "delete"]
    scene = Scene(broker, topic(name, {"config": {"cleanup.policy": policies}}))
    assert await scene.condition(name) == READY
    assert await scene.own_config(name) == {"cleanup.policy": "compact,delete"}
    scene.kube.edit("KafkaTopic", name, config={"cleanup.policy": {"a": "b"}})
    assert await scene.condition(name) == refused(
        "InternalError",
        "io.strimzi.operator.common.model.InvalidResourceException: "
        "Invalid value for topic config 'cleanup.policy': {a=b}",
    )


async def test_a_value_that_is_the_default_is_not_written(broker: Broker, name: str) -> None:
    scene = Scene(broker, topic(name))
    await scene.reconcile(name)
    scene.kube.edit("KafkaTopic", name, config={"retention.ms": 604800000})
    assert await scene.condition(name) == READY
    assert await scene.own_config(name) == {}


@pytest.mark.parametrize("exists", [False, True])
async def test_bad_config_is_kafkas_to_refuse(broker: Broker, name: str, exists: bool) -> None:
    scene = Scene(broker, topic(name))
    if exists:
        await scene.reconcile(name)
    scene.kube.edit("KafkaTopic", name, config={"no.such": "1"})
    failed = await scene.reconcile(name)
    error = "InvalidConfigurationException"
    assert the_condition(failed) == kafka_error(error, "Unknown topic config name: no.such")
    assert failed["status"]["observedGeneration"] == 2

    scene.kube.edit("KafkaTopic", name, config={"retention.ms": "abc"})
    message = "Invalid value abc for configuration retention.ms: Not a number of type LONG"
    assert await scene.condition(name) == kafka_error(error, message)

    scene.kube.edit("KafkaTopic", name, config={})
    assert await scene.condition(name) == READY


async def test_a_topic_cannot_be_renamed(broker: Broker, name: str) -> None:
    scene = Scene(broker, topic("resource", {"topicName": name}))
    made = await scene.reconcile("resource")
    assert made["status"]["topicName"] == name
    scene.kube.edit("KafkaTopic", "resource", topicName=f"{name}-b")
    failed = await scene.reconcile("resource")
    message = "Changing spec.topicName is not supported"
    assert the_condition(failed) == refused("NotSupported", message)
    assert failed["status"]["topicName"] == name
    assert await scene.admin.topic(f"{name}-b") is None


async def test_the_older_of_two_resources_manages_the_topic(broker: Broker, name: str) -> None:
    old = topic("older", {"topicName": name}, creationTimestamp="2026-01-01T00:00:00Z")
    new = topic("newer", {"topicName": name, "partitions": 9}, creationTimestamp="2026-01-01T00:00:09Z")
    scene = Scene(broker, old, new)
    assert await scene.condition("older") == READY
    message = "Managed by Ref{namespace='ns', name='older'}"
    assert await scene.condition("newer") == refused("ResourceConflict", message)
    assert len((await scene.topic(name)).replicas) == 1

    scene.kube["KafkaTopic", "newer"]["metadata"]["finalizers"] = [FINALIZER]
    await scene.kube.delete(new)
    assert await scene.reconcile("newer") == {}
    assert await scene.topic(name), "the loser does not take the topic with it"


async def test_a_topic_that_exists_is_adopted(broker: Broker, name: str) -> None:
    extra = {"retention.ms": "1234", "cleanup.policy": "compact"}
    made = broker.by_hand.create_topics([NewTopic(name, 2, 1, config=extra)])
    await broker.did(made[name])
    scene = Scene(broker, topic(name, {"config": {"cleanup.policy": "compact"}}))
    assert await scene.condition(name) == READY
    assert await scene.own_config(name) == {"cleanup.policy": "compact"}
    assert len((await scene.topic(name)).replicas) == 2


async def test_more_replicas_than_brokers(broker: Broker, name: str) -> None:
    scene = Scene(broker, topic(name, {"replicas": 3}))
    condition = await scene.condition(name)
    assert condition["reason"] == "KafkaError"
    assert "errors.InvalidReplicationFactorException: " in condition["message"]


async def test_the_number_of_replicas_cannot_change(broker: Broker, name: str) -> None:
    scene = Scene(broker, topic(name, {"partitions": 2, "replicas": 1}))
    await scene.reconcile(name)
    scene.kube.edit("KafkaTopic", name, replicas=2, config={"retention.ms": 9000})
    message = "Replication factor change not supported, but required for partitions [0, 1]"
    assert await scene.condition(name) == refused("NotSupported", message)
    assert await scene.own_config(name) == {"retention.ms": "9000"}


async def test_an_unmanaged_topic_is_left_alone(broker: Broker, name: str) -> None:
    scene = Scene(broker, topic(name, {"partitions": 1}))
    await scene.reconcile(name)
    scene.kube[("KafkaTopic", name)]["metadata"]["annotations"] = {"strimzi.io/managed": "false"}
    scene.kube.edit("KafkaTopic", name, partitions=5)
    told = await scene.reconcile(name)
    assert the_condition(told) == {"type": "Unmanaged", "status": "True"}
    assert "topicName" not in told["status"]
    assert len((await scene.topic(name)).replicas) == 1
    await scene.kube.delete(told)
    assert await scene.reconcile(name) == {}
    assert await scene.topic(name), "the topic stays"


async def test_a_paused_resource_changes_nothing(broker: Broker, name: str) -> None:
    scene = Scene(broker, topic(name, {"partitions": 1}))
    await scene.reconcile(name)
    pause = {"strimzi.io/pause-reconciliation": "true"}
    scene.kube[("KafkaTopic", name)]["metadata"]["annotations"] = pause
    scene.kube.edit("KafkaTopic", name, partitions=5)
    condition = await scene.condition(name)
    assert condition == {"type": "ReconciliationPaused", "status": "True"}
    assert len((await scene.topic(name)).replicas) == 1
    scene.kube[("KafkaTopic", name)]["metadata"]["annotations"] = {}
    assert await scene.condition(name) == READY
    assert len((await scene.topic(name)).replicas) == 5


async def test_what_is_changed_in_kafka_is_put_back(broker: Broker, name: str) -> None:
    scene = Scene(broker, topic(name, {"partitions": 2, "config": {"retention.ms": 1000}}))
    first = await scene.reconcile(name)
    await set_by_hand(broker, name, "retention.ms", "77")
    await set_by_hand(broker, name, "segment.ms", "88")
    await scene.reconcile(name)
    assert await scene.own_config(name) == {"retention.ms": "1000"}

    by_hand = broker.by_hand
    await broker.did(by_hand.create_partitions([NewPartitions(name, 3)])[name])
    message = "Decreasing partitions not supported"
    assert await scene.condition(name) == refused("NotSupported", message)

    await broker.did(by_hand.delete_topics([name])[name])
    again = await scene.reconcile(name)
    assert the_condition(again) == READY
    assert again["status"]["topicId"] != first["status"]["topicId"]
    assert len((await scene.topic(name)).replicas) == 2


async def test_deleting_the_resource_deletes_the_topic(broker: Broker, name: str) -> None:
    scene = Scene(broker, topic(name))
    made = await scene.reconcile(name)
    await scene.kube.delete(made)
    assert await scene.reconcile(name) == {}
    assert await scene.admin.topic(name) is None


async def test_deleting_goes_on_when_the_topic_is_gone_already(broker: Broker, name: str) -> None:
    scene = Scene(broker, topic(name))
    made = await scene.reconcile(name)
    await broker.did(broker.by_hand.delete_topics([name])[name])
    await scene.kube.delete(made)
    assert await scene.reconcile(name) == {}


async def test_finalizers_of_others_stay(broker: Broker, name: str) -> None:
    scene = Scene(broker, topic(name, finalizers=["example.com/other"]))
    made = await scene.reconcile(name)
    assert made["metadata"]["finalizers"] == ["example.com/other", FINALIZER]
    await scene.kube.delete(made)
    left = await scene.reconcile(name)
    assert left["metadata"]["finalizers"] == ["example.com/other"]


@pytest.fixture(scope="module")
async def keeper(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Broker]:
    """A broker that deletes no topics."""
    settings: dict[str, object] = {"delete.topic.enable": False}
    with running_broker(tmp_path_factory.mktemp("keeper"), **settings) as running:
        yield running


async def test_a_broker_may_forbid_to_delete_topics(keeper: Broker, name: str) -> None:
    scene = Scene(keeper, topic(name))
    made = await scene.reconcile(name)
    await scene.kube.delete(made)
    kept = await scene.reconcile(name)
    error = "TopicDeletionDisabledException"
    assert the_condition(kept) == kafka_error(error, "Topic deletion is disabled.")
    assert kept["metadata"]["finalizers"] == [FINALIZER]


async def test_a_broker_that_is_away_blocks_nobody_else(broker: Broker, name: str) -> None:
    scene = Scene(broker, topic(name))
    nobody = ConfluentAdmin({"bootstrap.servers": "localhost:1", "log_level": 0}, timeout=4)
    lost = MemoryKube(topic("lost"))
    waiting = asyncio.create_task(TopicReconciler(lost).reconcile(lost["KafkaTopic", "lost"], nobody))
    await asyncio.sleep(0)
    assert await scene.condition(name) == READY
    assert not waiting.done(), "the others did not wait for it"
    await waiting
    message = "Timed out waiting for a node assignment. Call: describeConfigs"
    assert the_condition(lost["KafkaTopic", "lost"]) == kafka_error("TimeoutException", message)
