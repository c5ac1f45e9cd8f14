"""The admin API over librdkafka. Its futures are awaited: no thread waits for a broker."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from confluent_kafka import TopicCollection
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ConfigSource,
    NewPartitions,
    NewTopic,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)

from .admin import Acl, KafkaFailure, TopicConfig, TopicState
from .kafka_answer import answer, no_answer

SCRAM_ITERATIONS = 4096
_LOOK_AGAIN_SECONDS = 0.05
# Java prints ids in the URL-safe alphabet, librdkafka in the other.
_URL_SAFE = str.maketrans("+/", "-_")


class ConfluentAdmin:
    """Implements Admin. config: librdkafka's; timeout: seconds a request may take."""

    def __init__(self, config: Mapping[str, Any], timeout: float) -> None:
        # Brokers come back within seconds; librdkafka would look for them ever more seldom.
        quick = {"reconnect.backoff.max.ms": 1000, "log_level": 2}
        self._client = AdminClient({**quick, **config})
        self._timeout = {"request_timeout": timeout}

    async def topic(self, name: str) -> TopicState | None:
        """Configuration first, as the real operator asks; then partitions."""
        resource = ConfigResource(ResourceType.TOPIC, name)
        try:
            told = self._client.describe_configs([resource], **self._timeout)
            entries = await answer(told[resource], "describeConfigs")
            asked = self._client.describe_topics(TopicCollection([name]), **self._timeout)
            described = await answer(asked[name], "describeTopics")
        except KafkaFailure as failure:
            if failure.exception == "UnknownTopicOrPartitionException":
                return None
            raise
        own = ConfigSource.DYNAMIC_TOPIC_CONFIG.value
        return TopicState(
            topic_id=str(described.topic_id).translate(_URL_SAFE),
            replicas={part.id: len(part.replicas) for part in described.partitions},
            config={key: TopicConfig(entry.value, entry.source == own) for key, entry in entries.items()},
        )

    async def create_topic(self, name: str, partitions: int, replicas: int, config: Mapping[str, str]) -> TopicState:
        """Create it, and wait until a broker shows it."""
        new = NewTopic(name, partitions, replicas, config=dict(config))
        told = self._client.create_topics([new], **self._timeout)
        await answer(told[name], "createTopics")
        # The controller has it; the broker that is asked next may hear of it a moment later.
        try:
            async with asyncio.timeout(self._timeout["request_timeout"]):
                while (state := await self.topic(name)) is None:  # noqa: ASYNC110  Kafka tells nobody
                    await asyncio.sleep(_LOOK_AGAIN_SECONDS)
        except TimeoutError as error:
            raise no_answer("describeTopics") from error
        return state

    async def alter_topic(self, name: str, changes: Mapping[str, str | None]) -> None:
        """Change only the named options."""
        entries = [
            ConfigEntry(
                key,
                value,
                incremental_operation=AlterConfigOpType.DELETE if value is None else AlterConfigOpType.SET,
            )
            for key, value in changes.items()
        ]
        resource = ConfigResource(ResourceType.TOPIC, name, incremental_configs=entries)
        told = self._client.incremental_alter_configs([resource], **self._timeout)
        await answer(told[resource], "incrementalAlterConfigs")

    async def grow_topic(self, name: str, partitions: int) -> None:
        """Ask for the new total."""
        wanted = NewPartitions(name, partitions)
        told = self._client.create_partitions([wanted], **self._timeout)
        await answer(told[name], "createPartitions")

    async def delete_topic(self, name: str) -> None:
        """Delete it by name."""
        told = self._client.delete_topics([name], **self._timeout)
        try:
            await answer(told[name], "deleteTopics")
        except KafkaFailure as failure:
            if failure.exception != "UnknownTopicOrPartitionException":
                raise

    async def set_password(self, user: str, password: str) -> None:
        """Upsert with 4096 iterations and a salt of its own."""
        info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, SCRAM_ITERATIONS)
        await self._alter_scram(user, UserScramCredentialUpsertion(user, info, password.encode()))

    async def remove_password(self, user: str) -> None:
        """Delete the one mechanism that is used here."""
        deletion = UserScramCredentialDeletion(user, ScramMechanism.SCRAM_SHA_512)
        try:
            await self._alter_scram(user, deletion)
        except KafkaFailure as failure:
            if failure.exception != "ResourceNotFoundException":
                raise

    async def acls(self, user: str) -> set[Acl]:
        """Ask for the principal, whatever the rest."""
        everything = AclBindingFilter(*_any_of(user))
        told = self._client.describe_acls(everything, **self._timeout)
        bindings = await answer(told, "describeAcls")
        return {
            Acl(
                binding.restype.name,
                binding.name,
                binding.resource_pattern_type.name,
                binding.host,
                binding.operation.name,
                binding.permission_type.name,
            )
            for binding in bindings
        }

    async def change_acls(self, user: str, add: set[Acl], remove: set[Acl]) -> None:
        """Add first: a client that keeps a right is never without it."""
        if add:
            bindings = [AclBinding(*_binding(user, acl)) for acl in add]
            for made in self._client.create_acls(bindings, **self._timeout).values():
                await answer(made, "createAcls")
        if remove:
            filters = [AclBindingFilter(*_binding(user, acl)) for acl in remove]
            for gone in self._client.delete_acls(filters, **self._timeout).values():
                await answer(gone, "deleteAcls")

    async def _alter_scram(self, user: str, change: UserScramCredentialUpsertion | UserScramCredentialDeletion) -> None:
        told = self._client.alter_user_scram_credentials([change], **self._timeout)
        await answer(told[user], "alterUserScramCredentials")


def _any_of(user: str) -> tuple[Any, ...]:
    return (
        ResourceType.ANY,
        None,
        ResourcePatternType.ANY,
        f"User:{user}",
        None,
        AclOperation.ANY,
        AclPermissionType.ANY,
    )


def _binding(user: str, acl: Acl) -> tuple[Any, ...]:
    return (
        ResourceType[acl.resource_type],
        acl.resource_name,
        ResourcePatternType[acl.pattern],
        f"User:{user}",
        acl.host,
        AclOperation[acl.operation],
        AclPermissionType[acl.permission],
    )
