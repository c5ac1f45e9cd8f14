"""What the operator asks of a Kafka cluster, and how Kafka says no."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol


class KafkaFailure(Exception):  # noqa: N818  KafkaError is a reason of KafkaTopic
    """Kafka refused or did not answer.

    exception: the name of the class a Java client would have thrown, without its package.
    """

    def __init__(self, exception: str, message: str) -> None:
        super().__init__(f"org.apache.kafka.common.errors.{exception}: {message}")
        self.exception = exception


class TopicConfig(NamedTuple):
    """A topic option. own: set on the topic itself, not inherited from the broker."""

    value: str | None
    own: bool


@dataclass(frozen=True)
class TopicState:
    """A topic as it is in Kafka. replicas: partition number -> number of its replicas."""

    topic_id: str
    replicas: Mapping[int, int]
    config: Mapping[str, TopicConfig] = field(default_factory=dict)


class Acl(NamedTuple):
    """One operation allowed or denied to a principal; all names in upper case, as in Kafka."""

    resource_type: str
    resource_name: str
    pattern: str
    host: str
    operation: str
    permission: str


class Admin(Protocol):
    """The admin API of one cluster. Every method raises KafkaFailure."""

    async def topic(self, name: str) -> TopicState | None:
        """The topic, None if there is none of that name."""

    async def create_topic(self, name: str, partitions: int, replicas: int, config: Mapping[str, str]) -> TopicState:
        """Create it; -1 for partitions or replicas is the broker's default."""

    async def alter_topic(self, name: str, changes: Mapping[str, str | None]) -> None:
        """Set options; None takes an option back to its default."""

    async def grow_topic(self, name: str, partitions: int) -> None:
        """Bring the number of partitions up to `partitions`."""

    async def delete_topic(self, name: str) -> None:
        """Delete it; no failure if it is gone already."""

    async def set_password(self, user: str, password: str) -> None:
        """Create or replace the user's SCRAM-SHA-512 credentials."""

    async def remove_password(self, user: str) -> None:
        """Remove the user's SCRAM-SHA-512 credentials; no failure if there are none."""

    async def acls(self, user: str) -> set[Acl]:
        """The ACLs whose principal is exactly this user."""

    async def change_acls(self, user: str, add: set[Acl], remove: set[Acl]) -> None:
        """Add some of the user's ACLs, then remove others."""
