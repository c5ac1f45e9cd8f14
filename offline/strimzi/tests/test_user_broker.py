"""KafkaUser against a real broker: what Strimzi's user operator was seen to do."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaException, Producer
from confluent_kafka.admin import (
    NewTopic,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from strimzi_double.admin import Acl
from strimzi_double.authority import random_password
from strimzi_double.confluent import ConfluentAdmin
from strimzi_double.user_reconciler import UserReconciler

from .broker import Broker
from .resources import READY, MemoryKube, kafka, the_condition, user

pytestmark = pytest.mark.broker


class Scene:
    """A broker, a Kafka resource, users, and the operator between them."""

    def __init__(self, broker: Broker, *users: dict[str, Any]) -> None:
        self.kafka = kafka()
        self.kube = MemoryKube(self.kafka, *users)
        self.admin = broker.admin()
        self._broker = broker
        self._reconciler = UserReconciler(self.kube)  # type: ignore[arg-type]  # in memory

    async def reconcile(self, name: str) -> dict[str, Any]:
        found = await self.kube.get("KafkaUser", "ns", name)
        assert found is not None
        await self._reconciler.reconcile(found, self.kafka, self.admin)
        await self._broker.caught_up()
        return self.kube["KafkaUser", name]

    async def remove_orphans(self) -> None:
        await self._reconciler.remove_orphans(self.kafka, self.admin)
        await self._broker.caught_up()

    def secret(self, name: str) -> dict[str, str]:
        data = self.kube["Secret", name]["data"]
        return {key: base64.b64decode(value).decode() for key, value in data.items()}


@pytest.fixture
def name() -> str:
    return f"u-{random_password(8).lower()}"


async def new_topic(broker: Broker, name: str) -> str:
    await broker.did(broker.by_hand.create_topics([NewTopic(name, 1, 1)])[name])
    return name


async def scram(broker: Broker, name: str) -> list[tuple[str, int]]:
    """Mechanisms and iterations of the user's credentials in Kafka."""
    answer = broker.by_hand.describe_user_scram_credentials([name])
    assert isinstance(answer, dict)
    try:
        described = await asyncio.wrap_future(answer[name])
    except KafkaException as error:
        if error.args[0].name() == "RESOURCE_NOT_FOUND":
            return []
        raise
    infos = described.scram_credential_infos
    return [(info.mechanism.name, info.iterations) for info in infos]


def acl(kind: str, name: str, *operations: str, pattern: str = "literal") -> dict[str, Any]:
    target = {"type": kind, "name": name, "patternType": pattern}
    return {"resource": target, "operations": list(operations)}


def produced(producer: Producer, topic: str) -> str | None:
    """Send one message; the name of the error, None for success."""
    failed: list[str | None] = []
    try:
        producer.produce(topic, b"x", on_delivery=lambda e, _: failed.append(e.name() if e else None))
        producer.flush(10)
    except KafkaException as error:
        return str(error.args[0].name())
    return failed[0] if failed else "no answer"


def consumed(consumer: Consumer, topic: str) -> str | None:
    """Read one message; the name of the error, None for success."""
    consumer.subscribe([topic])
    try:
        message = consumer.poll(20)
        assert message is not None, "no answer"
        error = message.error()
        return None if error is None else error.name()
    finally:
        consumer.close()


async def test_a_new_user_gets_a_secret_and_credentials(broker: Broker, name: str) -> None:
    scene = Scene(broker, user(name, []))
    made = await scene.reconcile(name)
    secret = scene.secret(name)
    assert the_condition(made) == READY
    assert made["status"]["observedGeneration"] == 1
    assert made["status"]["username"] == made["status"]["secret"] == name
    assert "finalizers" not in made["metadata"]
    assert len(secret["password"]) == 32
    assert secret["sasl.jaas.config"] == (
        "org.apache.kafka.common.security.scram.ScramLoginModule required "
        f'username="{name}" password="{secret["password"]}";'
    )
    (owner,) = scene.kube["Secret", name]["metadata"]["ownerReferences"]
    assert owner["kind"] == "KafkaUser"
    assert owner["uid"] == made["metadata"]["uid"]
    assert await scram(broker, name) == [("SCRAM_SHA_512", 4096)]


async def test_reconciling_again_keeps_the_password(broker: Broker, name: str) -> None:
    scene = Scene(broker, user(name, []))
    await scene.reconcile(name)
    secret, writes = scene.secret(name), scene.kube.writes
    await scene.reconcile(name)
    assert scene.secret(name) == secret
    assert scene.kube.writes == writes


async def test_a_deleted_secret_comes_back_with_a_new_password(broker: Broker, name: str) -> None:
    topic = await new_topic(broker, name)
    scene = Scene(broker, user(name, [acl("topic", topic, "Write")]))
    await scene.reconcile(name)
    old = scene.secret(name)["password"]
    assert produced(broker.producer(name, old), topic) is None
    del scene.kube.items["Secret", name]
    await scene.reconcile(name)
    new = scene.secret(name)["password"]
    assert new != old
    assert produced(broker.producer(name, new), topic) is None


async def test_each_operation_is_one_acl(broker: Broker, name: str) -> None:
    entries = [
        acl("topic", "t", "Read", "Describe"),
        acl("group", "g", "Read", pattern="prefix"),
        {**acl("topic", "secret", "All"), "type": "deny", "host": "10.0.0.1"},
        {"resource": {"type": "cluster"}, "operations": ["IdempotentWrite"]},
        acl("transactionalId", "tx", "DescribeConfigs"),
    ]
    scene = Scene(broker, user(name, entries))
    assert the_condition(await scene.reconcile(name)) == READY
    assert await scene.admin.acls(name) == {
        Acl("TOPIC", "t", "LITERAL", "*", "READ", "ALLOW"),
        Acl("TOPIC", "t", "LITERAL", "*", "DESCRIBE", "ALLOW"),
        Acl("GROUP", "g", "PREFIXED", "*", "READ", "ALLOW"),
        Acl("TOPIC", "secret", "LITERAL", "10.0.0.1", "ALL", "DENY"),
        Acl("BROKER", "kafka-cluster", "LITERAL", "*", "IDEMPOTENT_WRITE", "ALLOW"),
        Acl("TRANSACTIONAL_ID", "tx", "LITERAL", "*", "DESCRIBE_CONFIGS", "ALLOW"),
    }


async def test_acls_follow_the_resource_and_foreign_changes_are_undone(broker: Broker, name: str) -> None:
    scene = Scene(broker, user(name, [acl("topic", "a", "Read")]))
    await scene.reconcile(name)
    foreign = Acl("TOPIC", "b", "LITERAL", "*", "READ", "ALLOW")
    await scene.admin.change_acls(name, {foreign}, await scene.admin.acls(name))
    await broker.caught_up()
    await scene.reconcile(name)
    wanted = Acl("TOPIC", "a", "LITERAL", "*", "READ", "ALLOW")
    assert await scene.admin.acls(name) == {wanted}

    scene.kube.edit("KafkaUser", name, authorization=None)
    assert the_condition(await scene.reconcile(name)) == READY
    assert await scene.admin.acls(name) == set()


async def test_a_client_may_do_what_it_may_and_nothing_else(broker: Broker, name: str) -> None:
    mine, other = await new_topic(broker, f"{name}-mine"), await new_topic(broker, f"{name}-other")
    writer, reader = f"{name}-w", f"{name}-r"
    scene = Scene(
        broker,
        user(writer, [acl("topic", mine, "Write", "Describe")]),
        user(
            reader,
            [acl("topic", mine, "Read", "Describe"), acl("group", name, "Read", pattern="prefix")],
        ),
    )
    await scene.reconcile(writer)
    await scene.reconcile(reader)
    write, read = scene.secret(writer)["password"], scene.secret(reader)["password"]
    forbidden = "TOPIC_AUTHORIZATION_FAILED"

    assert produced(broker.producer(writer, write), mine) is None
    assert produced(broker.producer(writer, write), other) == forbidden
    assert produced(broker.producer(reader, read), mine) == forbidden
    assert consumed(broker.consumer(reader, read, f"{name}-group"), mine) is None
    assert consumed(broker.consumer(reader, read, f"{name}-group"), other) == forbidden
    assert consumed(broker.consumer(reader, read, "foreign"), mine) == "GROUP_AUTHORIZATION_FAILED"

    visible = broker.producer(reader, read).list_topics(timeout=10).topics
    assert mine in visible
    assert other not in visible


async def test_a_changed_password_is_put_back(broker: Broker, name: str) -> None:
    topic = await new_topic(broker, name)
    scene = Scene(broker, user(name, [acl("topic", topic, "Write")]))
    await scene.reconcile(name)
    info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 8192)
    change = UserScramCredentialUpsertion(name, info, b"another")
    await broker.did(broker.by_hand.alter_user_scram_credentials([change])[name])
    await scene.reconcile(name)
    assert await scram(broker, name) == [("SCRAM_SHA_512", 4096)]
    assert produced(broker.producer(name, scene.secret(name)["password"]), topic) is None


async def test_credentials_and_acls_go_with_the_resource(broker: Broker, name: str) -> None:
    scene = Scene(broker, user(name, [acl("topic", "t", "Read")]), user(f"{name}-stays", []))
    gone = await scene.reconcile(name)
    await scene.reconcile(f"{name}-stays")
    await scene.remove_orphans()
    assert await scram(broker, name), "not while its resource is there"

    await scene.kube.delete(gone)
    await scene.remove_orphans()
    assert await scram(broker, name) == []
    assert await scene.admin.acls(name) == set()
    assert await scram(broker, f"{name}-stays")


async def test_users_made_by_hand_stay(broker: Broker, name: str) -> None:
    scene = Scene(broker, user(name, []))
    await scene.reconcile(name)
    by_hand = f"{name}-by-hand"
    await scene.admin.set_password(by_hand, "a password of somebody")
    await broker.caught_up()
    await scene.remove_orphans()
    assert await scram(broker, by_hand)


async def test_a_user_that_vanished_unseen_is_removed(broker: Broker, name: str) -> None:
    scene = Scene(broker, user(name, [acl("topic", "t", "Read")]))
    await scene.reconcile(name)
    restarted = Scene(broker)
    restarted.kube.items = {key: item for key, item in scene.kube.items.items() if key[0] != "KafkaUser"}
    await restarted.remove_orphans()
    assert await scram(broker, name) == []
    assert restarted.kube["ConfigMap", "c-managed-users"]["data"] == {}


async def test_a_password_can_come_from_a_secret(broker: Broker, name: str) -> None:
    topic = await new_topic(broker, name)
    reference = {"secretKeyRef": {"name": "source", "key": "word"}}
    authentication = {"type": "scram-sha-512", "password": {"valueFrom": reference}}
    wanted = user(name, [acl("topic", topic, "Write")], authentication=authentication)
    scene = Scene(broker, wanted)

    failed = await scene.reconcile(name)
    condition = the_condition(failed)
    assert condition["type"] == "NotReady"
    assert condition["status"] == "True"
    assert condition["reason"] == "ExecutionException"
    assert condition["message"].endswith("Secret source in namespace ns not found")
    assert failed["status"]["observedGeneration"] == 1
    assert await scram(broker, name) == []

    word = base64.b64encode(b"a word of my own").decode()
    source = {"kind": "Secret", "metadata": {"name": "source"}, "data": {"word": word}}
    scene.kube.items["Secret", "source"] = source
    assert the_condition(await scene.reconcile(name)) == READY
    assert scene.secret(name)["password"] == "a word of my own"  # noqa: S105  that is the test
    assert produced(broker.producer(name, "a word of my own"), topic) is None

    source["data"] = {}
    message = the_condition(await scene.reconcile(name))["message"]
    assert message.endswith("Secret source in namespace ns has no key word")


async def test_a_paused_user_is_left_alone(broker: Broker, name: str) -> None:
    scene = Scene(broker, user(name, []))
    pause = {"strimzi.io/pause-reconciliation": "true"}
    scene.kube["KafkaUser", name]["metadata"]["annotations"] = pause
    told = await scene.reconcile(name)
    assert the_condition(told) == {"type": "ReconciliationPaused", "status": "True"}
    assert ("Secret", name) not in scene.kube.items
    assert await scram(broker, name) == []


async def test_a_broker_that_is_away_is_told(broker: Broker, name: str) -> None:
    scene = Scene(broker, user(name, []))
    scene.admin = ConfluentAdmin({"bootstrap.servers": "localhost:1", "log_level": 0}, timeout=1)
    condition = the_condition(await scene.reconcile(name))
    assert condition["type"] == "NotReady"
    assert condition["reason"] == "TimeoutException"
