"""Kafka and KafkaNodePool: from the resources to brokers that serve."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from . import kafka_status
from .authority import FORCE_RENEW, cluster_keys, is_to_be_renewed
from .cluster import Cluster
from .cluster_reader import read_cluster
from .kube import Kube
from .objects import claims, cluster_objects, selector
from .pod import broker_pod, is_current, is_ready, next_to_replace
from .resource import (
    CLUSTER_LABEL,
    Refusal,
    Resource,
    is_being_deleted,
    is_owned_by,
    is_paused,
    name_of,
)
from .status import status_patch
from .work import Later

_log = logging.getLogger(__name__)


class KafkaReconciler:
    """One step towards the wanted cluster at a time; the events of the pods bring the next.

    established is told (namespace, cluster) when a cluster is ready for the first time.
    """

    def __init__(self, kube: Kube, image: str, established: Callable[[str, str], None]) -> None:
        self._kube = kube
        self._image = image
        self._established = established

    async def reconcile(self, namespace: str, name: str) -> None:
        """Look at the Kafka resource `name` as it is now, and do what is next."""
        kafka = await self._kube.get("Kafka", namespace, name)
        # What belongs to a deleted cluster is owned by it: Kubernetes removes it.
        if kafka is None or is_being_deleted(kafka):
            return
        if is_paused(kafka):
            await self._tell(kafka, kafka_status.paused(kafka))
            return
        pools = await self._kube.list("KafkaNodePool", namespace, labels={CLUSTER_LABEL: name})
        pools = [pool for pool in pools if not is_being_deleted(pool)]
        try:
            cluster = read_cluster(kafka, pools)
        except Refusal as refusal:
            _log.warning("Kafka %s/%s: %s", namespace, name, refusal.message)
            # Its pools are told nothing, as by Strimzi.
            await self._tell(kafka, kafka_status.failed(kafka, refusal))
            return
        await self._bring_up(kafka, pools, cluster)

    async def _bring_up(self, kafka: Resource, pools: list[Resource], cluster: Cluster) -> None:
        first = not kafka_status.is_established(kafka)
        if first:
            await self._tell(kafka, kafka_status.creating())
        for pool in pools:
            await self._tell(pool, kafka_status.pool(pool, cluster))

        ca, wanted = await self._prepare(kafka, pools, cluster)
        if not await self._pods_serve(cluster, wanted):
            return
        await self._tell(kafka, kafka_status.ready(kafka, cluster, ca))
        if first:
            _log.info("Kafka %s/%s: ready", cluster.namespace, cluster.name)
            self._established(cluster.namespace, cluster.name)

    async def _prepare(self, kafka: Resource, pools: list[Resource], cluster: Cluster) -> tuple[str, list[Resource]]:
        """Make all that the pods need; the cluster CA and the wanted pods."""
        labels = {CLUSTER_LABEL: cluster.name}
        found = await self._kube.list("Secret", cluster.namespace, labels=labels, api_version="v1")
        # What is still there of a former cluster of this name will go, so it is no use.
        own = {name_of(secret): secret for secret in found if is_owned_by(secret, kafka)}
        # In a thread: the authorities' keys are not found at once.
        keys = await asyncio.to_thread(cluster_keys, cluster, kafka, own)
        await self._claim_disks(pools, cluster)
        objects = keys.to_write + cluster_objects(cluster, kafka)
        await asyncio.gather(*(self._kube.apply(wanted) for wanted in objects))
        for each in own.values():
            if is_to_be_renewed(each):
                await self._kube.merge(each, {"metadata": {"annotations": {FORCE_RENEW: None}}})
        return keys.ca, [
            broker_pod(cluster, node, kafka, self._image, keys.read_by[cluster.pod(node)]) for node in cluster.node_ids
        ]

    async def _claim_disks(self, pools: list[Resource], cluster: Cluster) -> None:
        """Make the claims that are missing; Later if those of a former cluster have yet to go."""
        for claim in claims(cluster, pools):
            if await self._kube.create(claim):
                continue
            name = name_of(claim)
            kind = "PersistentVolumeClaim"
            found = await self._kube.get(kind, cluster.namespace, name, "v1")
            # It would go with the former pool: one that has an owner is to go with a pool of now.
            to_go = "ownerReferences" in claim["metadata"]
            owned = found is not None and any(is_owned_by(found, pool) for pool in pools)
            if found is None or is_being_deleted(found) or (to_go and not owned):
                raise Later(f"{name} of a former cluster is on its way out")

    async def _pods_serve(self, cluster: Cluster, wanted: list[Resource]) -> bool:
        """Make the missing pods, replace at most one; True when all are as wanted and ready."""
        found = await self._kube.list("Pod", cluster.namespace, labels=selector(cluster), api_version="v1")
        pods = {name_of(pod): pod for pod in found}
        for pod in wanted:
            # A pod on its way out still holds the name; its end is an event that brings us back.
            if name_of(pod) not in pods:
                _log.info("Kafka %s/%s: pod %s", cluster.namespace, cluster.name, name_of(pod))
                await self._kube.create(pod)
        stale = next_to_replace(pods, wanted)
        if stale is not None:
            _log.info("Kafka %s/%s: replacing %s", cluster.namespace, cluster.name, stale)
            await self._kube.delete(pods[stale])
        return all(
            name_of(pod) in pods and is_ready(pods[name_of(pod)]) and is_current(pods[name_of(pod)], pod)
            for pod in wanted
        )

    async def _tell(self, resource: Resource, status: Resource) -> None:
        if patch := status_patch(resource, status):
            await self._kube.merge(resource, patch, part="/status")
