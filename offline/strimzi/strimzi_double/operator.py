"""Who is called when: events and the clock fill the queue, the queue calls the reconcilers."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from typing import Any

from .clusters import Clusters
from .kafka_reconciler import KafkaReconciler
from .kafka_status import is_established
from .kube import Kube
from .resource import (
    CLUSTER_LABEL,
    KIND_LABEL,
    Resource,
    cluster_of,
    is_being_deleted,
    name_of,
    namespace_of,
)
from .settings import Settings
from .topic_reconciler import TopicReconciler
from .user_reconciler import UserReconciler
from .work import Key, Work

_log = logging.getLogger(__name__)
# Not a kind of Kubernetes: the users of a cluster that have no resource any more.
ORPHANS = "Orphans"


class Operator:
    """The stand-in. Everything it has to know is in the cluster: a restart loses nothing."""

    def __init__(self, kube: Kube, settings: Settings) -> None:
        self._kube = kube
        self._settings = settings
        self._clusters = Clusters(kube, settings.kafka_timeout_seconds)
        self._kafka = KafkaReconciler(kube, settings.kafka_image, self._established)
        self._topics = TopicReconciler(kube)
        self._users = UserReconciler(kube)
        self._seen: dict[Key, str] = {}
        self.work = Work(self._reconcile)

    def happened(self, kind: str, resource: Resource, *, deleted: bool) -> None:
        """A resource of ours appeared, changed or went."""
        key = Key(kind, namespace_of(resource), name_of(resource))
        cluster = cluster_of(resource)
        if deleted:
            self._seen.pop(key, None)
            if kind == "Kafka":
                self._clusters.forget(key.namespace, key.name)
        elif self._seen.get(key) == (mark := _mark(resource)):
            return  # only its status changed, and that is our own doing
        else:
            self._seen[key] = mark
        if kind == "KafkaNodePool":
            if cluster is not None:
                self.work.add(Key("Kafka", key.namespace, cluster))
            return
        self.work.add(key)
        if kind == "KafkaUser" and cluster is not None and (deleted or is_being_deleted(resource)):
            self.work.add(Key(ORPHANS, key.namespace, cluster))

    def dependent_happened(self, resource: Resource) -> None:
        """A pod or a Secret that belongs to one of ours changed or went."""
        kind = resource["metadata"]["labels"][KIND_LABEL]
        owner = name_of(resource) if kind == "KafkaUser" else cluster_of(resource)
        if owner is not None:
            self.work.add(Key(kind, namespace_of(resource), owner))

    async def pass_over_everything(self) -> None:
        """For ever: look at every resource again, because Kafka tells nobody what changed in it."""
        while True:
            await asyncio.sleep(self._settings.resync_seconds)
            try:
                for kafka in await self._kube.list("Kafka"):
                    namespace, name = namespace_of(kafka), name_of(kafka)
                    self.work.add(Key("Kafka", namespace, name))
                    await self._add_entities(namespace, name)
            except Exception:
                _log.exception("the periodic pass failed, the next may not")

    def _established(self, namespace: str, cluster: str) -> None:
        self.work.add(Key("Entities", namespace, cluster))

    async def _add_entities(self, namespace: str, cluster: str) -> None:
        for kind in ("KafkaTopic", "KafkaUser"):
            labels = {CLUSTER_LABEL: cluster}
            for resource in await self._kube.list(kind, namespace, labels=labels):
                self.work.add(Key(kind, namespace, name_of(resource)))
        self.work.add(Key(ORPHANS, namespace, cluster))

    async def _reconcile(self, key: Key) -> None:
        match key.kind:
            case "Kafka":
                await self._kafka.reconcile(key.namespace, key.name)
            case "Entities":
                await self._add_entities(key.namespace, key.name)
            case "Orphans":
                kafka = await self._serving(key.namespace, key.name, "userOperator")
                if kafka is not None and (admin := await self._admin(kafka)) is not None:
                    await self._users.remove_orphans(kafka, admin)
            case _:
                await self._reconcile_entity(key)

    async def _reconcile_entity(self, key: Key) -> None:
        resource = await self._kube.get(key.kind, key.namespace, key.name)
        cluster = None if resource is None else cluster_of(resource)
        if resource is None or cluster is None:
            return
        part = "topicOperator" if key.kind == "KafkaTopic" else "userOperator"
        kafka = await self._serving(key.namespace, cluster, part)
        if kafka is None or (admin := await self._admin(kafka)) is None:
            return
        if key.kind == "KafkaTopic":
            await self._topics.reconcile(resource, admin)
        else:
            await self._users.reconcile(resource, kafka, admin)

    async def _serving(self, namespace: str, cluster: str, part: str) -> Resource | None:
        """The Kafka resource, if it has been ready and asks for this entity operator."""
        kafka = await self._kube.get("Kafka", namespace, cluster)
        if kafka is None or is_being_deleted(kafka) or not is_established(kafka):
            return None
        return kafka if part in (kafka["spec"].get("entityOperator") or {}) else None

    async def _admin(self, kafka: Resource) -> Any:
        return await self._clusters.admin(namespace_of(kafka), name_of(kafka))


def _mark(resource: Resource) -> str:
    """A digest of all that a person can change; not of the status."""
    metadata = resource["metadata"]
    asked = [resource.get("spec")]
    asked += [metadata.get(key) for key in ("uid", "labels", "annotations", "deletionTimestamp")]
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
