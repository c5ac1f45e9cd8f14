"""KafkaUser: Secret, SCRAM credentials and ACLs, and their end.

A KafkaUser has no finalizer, so one may vanish while nobody looks. The names of the users that
were given something in Kafka are therefore kept in a ConfigMap of the cluster; what is named
there and has no resource any more is removed. Users made by hand are not named there.
"""

from __future__ import annotations

import logging

from . import user
from .admin import Admin, KafkaFailure
from .kube import Kube
from .resource import (
    CLUSTER_LABEL,
    Refusal,
    Resource,
    generation_of,
    is_being_deleted,
    is_owned_by,
    is_paused,
    name_of,
    namespace_of,
    owner_reference,
)
from .status import PAUSED, READY, not_ready, status_patch

_log = logging.getLogger(__name__)


class UserReconciler:
    """Brings the users of a cluster in line with their resources."""

    def __init__(self, kube: Kube) -> None:
        self._kube = kube

    async def reconcile(self, resource: Resource, kafka: Resource, admin: Admin) -> None:
        """One user. The one that is being deleted is left to remove_orphans."""
        if is_being_deleted(resource):
            return
        if is_paused(resource):
            observed = resource.get("status", {}).get("observedGeneration", 0)
            await self._tell(resource, {"conditions": [PAUSED], "observedGeneration": observed})
            return
        try:
            await self._bring_in_line(resource, kafka, admin)
        except Refusal as refusal:
            await self._fail(resource, refusal)
        except KafkaFailure as failure:
            await self._fail(resource, Refusal(failure.exception, str(failure)))
        else:
            await self._tell(resource, user.status(resource, READY))

    async def remove_orphans(self, kafka: Resource, admin: Admin) -> None:
        """Take credentials and ACLs from every managed user that has no resource any more."""
        namespace, cluster = namespace_of(kafka), name_of(kafka)
        record = await self._kube.get("ConfigMap", namespace, _record_name(kafka), "v1")
        if record is None:
            return
        labels = {CLUSTER_LABEL: cluster}
        found = await self._kube.list("KafkaUser", namespace, labels=labels)
        alive = {name_of(resource) for resource in found if not is_being_deleted(resource)}
        for name in sorted(set(record.get("data") or {}) - alive):
            await admin.remove_password(name)
            await admin.change_acls(name, add=set(), remove=await admin.acls(name))
            await self._kube.merge(record, {"data": {name: None}})
            _log.info("KafkaUser %s/%s: removed from %s", namespace, name, cluster)

    async def _bring_in_line(self, resource: Resource, kafka: Resource, admin: Admin) -> None:
        user.check(resource, kafka)
        name, namespace = name_of(resource), namespace_of(resource)
        existing = await self._kube.get("Secret", namespace, name, "v1")
        if existing is not None and not is_owned_by(existing, resource):
            existing = None  # left by a former user of this name, and soon gone
        reference = user.password_reference(resource)
        if reference is None:
            password = user.kept_or_new_password(existing)
        else:
            source = await self._kube.get("Secret", namespace, reference[0], "v1")
            password = user.referred_password(resource, source)
        wanted = user.user_secret(resource, password)
        if existing is None or existing.get("data") != wanted["data"]:
            await self._kube.apply(wanted)

        await self._record(kafka, name)
        # Kafka does not show a password, so it is set each time: a changed one is put back.
        await admin.set_password(name, password)
        acls = user.wanted_acls(resource)
        current = await admin.acls(name)
        await admin.change_acls(name, add=acls - current, remove=current - acls)

    async def _record(self, kafka: Resource, name: str) -> None:
        """Note the user before Kafka knows it, so that no restart in between forgets it."""
        record: Resource = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": _record_name(kafka),
                "namespace": namespace_of(kafka),
                "labels": {CLUSTER_LABEL: name_of(kafka)},
                "ownerReferences": [owner_reference(kafka)],
            },
            "data": {name: ""},
        }
        found = await self._kube.get("ConfigMap", namespace_of(kafka), _record_name(kafka), "v1")
        if found is not None and name in (found.get("data") or {}):
            return
        if not await self._kube.create(record):
            await self._kube.merge(record, {"data": {name: ""}})

    async def _fail(self, resource: Resource, refusal: Refusal) -> None:
        where = f"{namespace_of(resource)}/{name_of(resource)}"
        _log.warning("KafkaUser %s: %s: %s", where, refusal.reason, refusal.message)
        failed = {
            "conditions": [not_ready(refusal)],
            "observedGeneration": generation_of(resource),
        }
        await self._tell(resource, failed)

    async def _tell(self, resource: Resource, status: Resource) -> None:
        if patch := status_patch(resource, status):
            await self._kube.merge(resource, patch, part="/status")


def _record_name(kafka: Resource) -> str:
    return f"{name_of(kafka)}-managed-users"
