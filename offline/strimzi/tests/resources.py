"""Custom resources to start from, and a Kubernetes that keeps them in memory."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Mapping
from typing import Any

from strimzi_double.resource import API_VERSION, Resource

NAMESPACE = "ns"
_uids = itertools.count(1)


def resource(kind: str, name: str, spec: Resource, **metadata: Any) -> Resource:
    """A fresh resource of ours, labelled for cluster `c` unless told otherwise."""
    uid = f"3f2b8a52-7c1e-4a53-9c0e-{next(_uids):012x}"
    return {
        "apiVersion": API_VERSION,
        "kind": kind,
        "metadata": {
            "name": name,
            "namespace": NAMESPACE,
            "uid": uid,
            "generation": 1,
            "resourceVersion": "1",
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "labels": {"strimzi.io/cluster": "c"},
            **metadata,
        },
        "spec": spec,
    }


def kafka(**spec: Any) -> Resource:
    """Kafka `c` with a plain and a SCRAM listener; keyword arguments go into spec.kafka."""
    listeners = [
        {"name": "plain", "port": 9092, "type": "internal", "tls": False},
        {
            "name": "tls",
            "port": 9093,
            "type": "internal",
            "tls": True,
            "authentication": {"type": "scram-sha-512"},
        },
    ]
    authorization = {"type": "simple", "superUsers": ["ANONYMOUS"]}
    broker = {"version": "4.3.1", "listeners": listeners, "authorization": authorization, **spec}
    entity: Resource = {"topicOperator": {}, "userOperator": {}}
    return resource("Kafka", "c", {"kafka": broker, "entityOperator": entity})


def pool(name: str = "p", **spec: Any) -> Resource:
    """A pool of three combined nodes; keyword arguments go into spec."""
    volume = {"id": 0, "type": "persistent-claim", "size": "1Gi", "deleteClaim": True}
    return resource(
        "KafkaNodePool",
        name,
        {
            "replicas": 3,
            "roles": ["controller", "broker"],
            "storage": {"type": "jbod", "volumes": [volume]},
            **spec,
        },
    )


def topic(name: str = "t", spec: Resource | None = None, **metadata: Any) -> Resource:
    return resource("KafkaTopic", name, spec if spec is not None else {}, **metadata)


def user(
    name: str = "app",
    acls: list[Resource] | None = None,
    labels: dict[str, str] | None = None,
    **spec: Any,
) -> Resource:
    wanted: Resource = {"authentication": {"type": "scram-sha-512"}, **spec}
    if acls is not None:
        wanted["authorization"] = {"type": "simple", "acls": acls}
    metadata = {} if labels is None else {"labels": labels}
    return resource("KafkaUser", name, wanted, **metadata)


def the_condition(item: Resource) -> Resource:
    """The one condition in the status, without its time."""
    (only,) = item["status"]["conditions"]
    return {key: value for key, value in only.items() if key != "lastTransitionTime"}


READY = {"type": "Ready", "status": "True"}


class MemoryKube:
    """The part of kube.Kube that the reconcilers use, over a dictionary.

    As the API server does, it counts generations when the spec changes, lets an object with a
    finalizer only be marked for deletion, and forgets it when the last finalizer goes.
    """

    def __init__(self, *items: Resource) -> None:
        self.items = {_key(item): copy.deepcopy(item) for item in items}
        self.writes = 0

    def __getitem__(self, key: tuple[str, str]) -> Resource:
        return self.items[key]

    async def get(
        self,
        kind: str,
        namespace: str,
        name: str,
        api_version: str = API_VERSION,  # noqa: ARG002  kinds are unique
    ) -> Resource | None:
        assert namespace == NAMESPACE
        return copy.deepcopy(self.items.get((kind, name)))

    async def list(
        self,
        kind: str,
        namespace: str | None = None,  # noqa: ARG002  there is only one
        *,
        labels: Mapping[str, str] | None = None,
        api_version: str = API_VERSION,  # noqa: ARG002  kinds are unique
    ) -> list[Resource]:
        wanted = (labels or {}).items()
        return [
            copy.deepcopy(item)
            for (its_kind, _), item in self.items.items()
            if its_kind == kind and wanted <= item["metadata"].get("labels", {}).items()
        ]

    async def apply(self, wanted: Resource) -> None:
        self.writes += 1
        old = self.items.get(_key(wanted), {"metadata": {"uid": f"uid-{next(_uids)}"}})
        self.items[_key(wanted)] = _merged(old, wanted)

    async def create(self, wanted: Resource) -> bool:
        if _key(wanted) in self.items:
            return False
        await self.apply(wanted)
        return True

    async def merge(self, target: Resource, patch: Resource, *, part: str = "") -> None:
        self.writes += 1
        if _key(target) in self.items:
            assert part == ("/status" if "status" in patch else "")
            self.items[_key(target)] = _merged(self.items[_key(target)], patch)
            self._collect(_key(target))

    async def delete(self, target: Resource) -> None:
        self.items[_key(target)]["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:01Z"
        self._collect(_key(target))

    def edit(self, kind: str, name: str, **spec: Any) -> None:
        """What kubectl edit does: change fields of the spec."""
        item = self.items[kind, name]
        item["spec"] = {**item["spec"], **spec}
        item["metadata"]["generation"] += 1

    def _collect(self, key: tuple[str, str]) -> None:
        metadata = self.items[key]["metadata"]
        if "deletionTimestamp" in metadata and not metadata.get("finalizers"):
            del self.items[key]


def _key(item: Resource) -> tuple[str, str]:
    return item["kind"], item["metadata"]["name"]


def _merged(old: Any, patch: Any) -> Any:
    """A JSON merge patch (RFC 7386)."""
    if not isinstance(patch, dict) or not isinstance(old, dict):
        return copy.deepcopy(patch)
    new = dict(old)
    for key, value in patch.items():
        if value is None:
            new.pop(key, None)
        else:
            new[key] = _merged(old.get(key, {} if isinstance(value, dict) else None), value)
    return new
