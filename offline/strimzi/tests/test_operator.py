"""Which event leads to what work."""

from __future__ import annotations

import asyncio
import copy
from typing import Any

import pytest

from strimzi_double.events import PLURALS, register
from strimzi_double.kafka_status import is_established
from strimzi_double.operator import ORPHANS, Operator
from strimzi_double.settings import Settings
from strimzi_double.work import Key

from .resources import MemoryKube, kafka, pool, topic, user


class Recorder:
    """In the place of the queue."""

    def __init__(self) -> None:
        self.keys: list[Key] = []
        self.round = asyncio.Event()

    def add(self, key: Key) -> None:
        self.keys.append(key)
        if key.kind == ORPHANS:
            self.round.set()

    def taken(self) -> list[str]:
        keys, self.keys = self.keys, []
        return [f"{key.kind} {key.name}" for key in keys]


class Scene:
    def __init__(self, *resources: dict[str, Any]) -> None:
        self.kube = MemoryKube(*resources)
        settings = Settings(resync_seconds=0.01)
        self.operator = Operator(self.kube, settings)  # type: ignore[arg-type]  # in memory
        self.queue = Recorder()
        self.operator.work = self.queue  # type: ignore[assignment]  # in the place of the queue


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_a_new_resource_is_looked_at_once(scene: Scene) -> None:
    resource = topic()
    scene.operator.happened("KafkaTopic", resource, deleted=False)
    assert scene.queue.taken() == ["KafkaTopic t"]
    told = {**copy.deepcopy(resource), "status": {"observedGeneration": 1}}
    scene.operator.happened("KafkaTopic", told, deleted=False)
    assert scene.queue.taken() == [], "the status is our own word"


@pytest.mark.parametrize(
    "change",
    [
        {"spec": {"partitions": 2}},
        {"metadata": {"labels": {}}},
        {"metadata": {"annotations": {"strimzi.io/managed": "false"}}},
        {"metadata": {"deletionTimestamp": "now"}},
        {"metadata": {"uid": "another"}},
    ],
)
def test_what_a_person_changes_is_looked_at(scene: Scene, change: dict[str, Any]) -> None:
    resource = topic()
    scene.operator.happened("KafkaTopic", resource, deleted=False)
    scene.queue.taken()
    metadata = {**resource["metadata"], **change.get("metadata", {})}
    scene.operator.happened("KafkaTopic", {**resource, **change, "metadata": metadata}, deleted=False)
    assert scene.queue.taken() == ["KafkaTopic t"]


def test_a_pool_is_work_on_its_cluster(scene: Scene) -> None:
    scene.operator.happened("KafkaNodePool", pool(), deleted=False)
    assert scene.queue.taken() == ["Kafka c"]


def test_a_deleted_user_leaves_orphans(scene: Scene) -> None:
    resource = user()
    scene.operator.happened("KafkaUser", resource, deleted=False)
    assert scene.queue.taken() == ["KafkaUser app"]
    scene.operator.happened("KafkaUser", resource, deleted=True)
    assert scene.queue.taken() == ["KafkaUser app", "Orphans c"]


def test_pods_and_secrets_are_work_on_their_owner(scene: Scene) -> None:
    for kind, name in (("Kafka", "c-p-0"), ("KafkaUser", "app")):
        labels = {"strimzi.io/cluster": "c", "strimzi.io/kind": kind}
        metadata = {"name": name, "namespace": "ns", "labels": labels}
        scene.operator.dependent_happened({"metadata": metadata})
    assert scene.queue.taken() == ["Kafka c", "KafkaUser app"]


async def test_the_clock_brings_everything_back() -> None:
    foreign = topic("foreign", labels={"strimzi.io/cluster": "another"})
    scene = Scene(kafka(), pool(), topic(), foreign, user())
    clock = asyncio.create_task(scene.operator.pass_over_everything())
    async with asyncio.timeout(5):
        await scene.queue.round.wait()
    clock.cancel()
    first_round = scene.queue.taken()[:4]
    assert first_round == ["Kafka c", "KafkaTopic t", "KafkaUser app", "Orphans c"]


@pytest.mark.parametrize(
    "its_topic",
    [
        pytest.param(topic(labels={}), id="without a label"),
        pytest.param(topic(labels={"strimzi.io/cluster": "nosuch"}), id="of no cluster"),
        pytest.param(topic(), id="of a cluster that was never ready"),
    ],
)
async def test_what_has_no_cluster_is_ignored(its_topic: dict[str, Any]) -> None:
    lonely = user(labels=its_topic["metadata"]["labels"])
    kube = MemoryKube(kafka(), its_topic, lonely)
    operator = Operator(kube, Settings())  # type: ignore[arg-type]  # in memory
    assert not is_established(kube["Kafka", "c"])
    operator.work.add(Key("KafkaTopic", "ns", "t"))
    operator.work.add(Key("KafkaUser", "ns", "app"))
    await operator.work.idle()
    assert "status" not in kube["KafkaTopic", "t"]
    assert "status" not in kube["KafkaUser", "app"]
    assert kube.writes == 0


def test_kopf_only_watches(scene: Scene) -> None:
    registry = register(scene.operator)
    handlers = registry._watching.get_all_handlers()
    watched = {handler.selector.any_name for handler in handlers if handler.selector}
    assert watched == {*PLURALS, "pods", "secrets"}
    assert not registry._changing.get_all_handlers()
    assert not registry._spawning.get_all_handlers()
