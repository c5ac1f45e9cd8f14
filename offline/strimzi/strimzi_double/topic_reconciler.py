"""KafkaTopic: from the resource to the topic. One way: Kafka never changes the resource."""

from __future__ import annotations

import logging
from typing import Protocol

from . import topic
from .admin import Admin, KafkaFailure
from .resource import Refusal, Resource, is_being_deleted, is_managed, is_paused
from .status import PAUSED, READY, UNMANAGED, ready_false, status_patch

_log = logging.getLogger(__name__)


class Resources(Protocol):
    """Where the resources are; kube.Kube is one."""

    async def list(self, kind: str, namespace: str) -> list[Resource]:
        """All of a kind in a namespace."""

    async def merge(self, target: Resource, patch: Resource, *, part: str = "") -> None:
        """Merge-patch the object, or a part of it."""


class TopicReconciler:
    """Brings one topic of one cluster in line with its resource, and tells how it went."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources

    async def reconcile(self, resource: Resource, admin: Admin) -> None:
        """Look at the resource as given, and bring its topic in line or let it go."""
        if is_being_deleted(resource):
            await self._remove(resource, admin)
        elif not is_managed(resource):
            await self._set_finalizer(resource, present=True)
            await self._tell(resource, UNMANAGED)
        else:
            try:
                topic.check(resource, await self._rivals(resource))
                if is_paused(resource):
                    await self._tell(resource, PAUSED)
                    return
                await self._set_finalizer(resource, present=True)
                topic_id = await self._bring_in_line(resource, admin)
            except Refusal as refusal:
                await self._fail(resource, refusal)
            except KafkaFailure as failure:
                await self._fail(resource, topic.kafka_refused(failure))
            else:
                await self._tell(resource, READY, topic_id)

    async def _bring_in_line(self, resource: Resource, admin: Admin) -> str:
        """The topic's id. All that can be done is done, before the first refusal is raised."""
        name = topic.topic_name(resource)
        state = await admin.topic(name)
        if state is None:
            state = await admin.create_topic(
                name,
                topic.wanted_partitions(resource),
                topic.wanted_replicas(resource),
                topic.wanted_config(resource),
            )
            return state.topic_id
        plan = topic.plan(resource, state)
        refusals = list(plan.refusals)
        try:
            if plan.config:
                await admin.alter_topic(name, plan.config)
            if plan.partitions is not None:
                await admin.grow_topic(name, plan.partitions)
        except KafkaFailure as failure:
            refusals.append(topic.kafka_refused(failure))
        if refusals:
            raise refusals[0]
        return state.topic_id

    async def _remove(self, resource: Resource, admin: Admin) -> None:
        """Delete the topic, then let the resource go. A loser of a conflict has no topic."""
        if topic.FINALIZER not in resource["metadata"].get("finalizers", []):
            return
        if is_managed(resource):
            try:
                topic.check(resource, await self._rivals(resource))
                await admin.delete_topic(topic.topic_name(resource))
            except Refusal as refusal:
                if refusal.reason != "ResourceConflict":
                    await self._fail(resource, refusal)
                    return
            except KafkaFailure as failure:
                await self._fail(resource, topic.kafka_refused(failure))
                return
        await self._set_finalizer(resource, present=False)

    async def _rivals(self, resource: Resource) -> list[Resource]:
        return await self._resources.list("KafkaTopic", resource["metadata"]["namespace"])

    async def _set_finalizer(self, resource: Resource, *, present: bool) -> None:
        metadata = resource["metadata"]
        others = [name for name in metadata.get("finalizers", []) if name != topic.FINALIZER]
        wanted = [*others, topic.FINALIZER] if present else others
        if wanted != metadata.get("finalizers", []):
            # The version makes sure that no finalizer set meanwhile by others is lost.
            change = {"finalizers": wanted, "resourceVersion": metadata["resourceVersion"]}
            await self._resources.merge(resource, {"metadata": change})

    async def _fail(self, resource: Resource, refusal: Refusal) -> None:
        metadata = resource["metadata"]
        where = f"{metadata['namespace']}/{metadata['name']}"
        _log.warning("KafkaTopic %s: %s: %s", where, refusal.reason, refusal.message)
        await self._tell(resource, ready_false(refusal))

    async def _tell(self, resource: Resource, condition: Resource, topic_id: str | None = None) -> None:
        patch = status_patch(resource, topic.status(resource, condition, topic_id))
        if patch:
            await self._resources.merge(resource, patch, part="/status")
