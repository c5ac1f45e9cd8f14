"""The admin API over librdkafka. Its futures are awaited: no thread waits for a broker."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any, TypeVar

from confluent_kafka import KafkaError, KafkaException, TopicCollection
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

SCRAM_ITERATIONS = 4096
_LOOK_AGAIN_SECONDS = 0.05
# Java prints ids in the URL-safe alphabet, librdkafka in the other.
_URL_SAFE = str.maketrans("+/", "-_")
_T = TypeVar("_T")

# Where Java's name is not made of the error's name.
_JAVA_NAMES = {
    "INVALID_CONFIG": "InvalidConfigurationException",
    "TOPIC_ALREADY_EXISTS": "TopicExistsException",
    "TOPIC_EXCEPTION": "InvalidTopicException",
    "UNKNOWN_TOPIC_OR_PART": "UnknownTopicOrPartitionException",
}
_AWAY = {"_TIMED_OUT", "_TRANSPORT", "_ALL_BROKERS_DOWN", "_RESOLVE", "_TIMED_OUT_QUEUE"}
_NO_ANSWER = "Timed out waiting for a node assignment. Call: "


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
            answer = self._client.describe_configs([resource], **self._timeout)
            entries = await _result(answer[resource], "describeConfigs")
            asked = self._client.describe_topics(TopicCollection([name]), **self._timeout)
            described = await _result(asked[name], "describeTopics")
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
        answer = self._client.create_topics([new], **self._timeout)
        await _result(answer[name], "createTopics")
        # The controller has it; the broker that is asked next may hear of it a moment later.
        try:
            async with asyncio.timeout(self._timeout["request_timeout"]):
                while (state := await self.topic(name)) is None:  # noqa: ASYNC110  Kafka tells nobody
                    await asyncio.sleep(_LOOK_AGAIN_SECONDS)
        except TimeoutError as error:
            raise KafkaFailure("TimeoutException", f"{_NO_ANSWER}describeTopics") from error
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
        answer = self._client.incremental_alter_configs([resource], **self._timeout)
        await _result(answer[resource], "incrementalAlterConfigs")

    async def grow_topic(self, name: str, partitions: int) -> None:
        """Ask for the new total."""
        wanted = NewPartitions(name, partitions)
        answer = self._client.create_partitions([wanted], **self._timeout)
        await _result(answer[name], "createPartitions")

    async def delete_topic(self, name: str) -> None:
        """Delete it by name."""
        answer = self._client.delete_topics([name], **self._timeout)
        try:
            await _result(answer[name], "deleteTopics")
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
        answer = self._client.describe_acls(everything, **self._timeout)
        bindings = await _result(answer, "describeAcls")
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
                await _result(made, "createAcls")
        if remove:
            filters = [AclBindingFilter(*_binding(user, acl)) for acl in remove]
            for gone in self._client.delete_acls(filters, **self._timeout).values():
                await _result(gone, "deleteAcls")

    async def _alter_scram(self, user: str, change: UserScramCredentialUpsertion | UserScramCredentialDeletion) -> None:
        answer = self._client.alter_user_scram_credentials([change], **self._timeout)
        await _result(answer[user], "alterUserScramCredentials")


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


async def _result(future: Future[_T], call: str) -> _T:
    try:
        return await asyncio.wrap_future(future)
    except KafkaException as error:
        raise _failure(error.args[0], call) from error


def _failure(error: KafkaError, call: str) -> KafkaFailure:
    name = error.name()
    if name in _AWAY:
        return KafkaFailure("TimeoutException", _NO_ANSWER + call)
    words = re.split("_+", name.strip("_").lower())
    java = _JAVA_NAMES.get(name, "".join(map(str.capitalize, words)) + "Exception")
    said = error.str()
    # Without a message of the broker's, librdkafka says what the code means.
    generic = said.removeprefix("Broker: ")
    return KafkaFailure(java, said if said == generic else f"{generic}.")
