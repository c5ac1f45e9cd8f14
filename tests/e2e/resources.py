"""Strimzi's resources, made and changed as kubectl does, and taken away after the test."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from kubernetes import client
from kubernetes.client.exceptions import ApiException

from polling import poll_until

Json = dict[str, Any]
KINDS = {
    "Kafka": "kafkas",
    "KafkaNodePool": "kafkanodepools",
    "KafkaTopic": "kafkatopics",
    "KafkaUser": "kafkausers",
}


@dataclass(frozen=True)
class Resources:
    """The resources of Strimzi in the namespace `default`."""

    api: client.CustomObjectsApi

    def get(self, kind: str, name: str) -> Json | None:
        """Return a resource; None if there is none."""
        try:
            found: Json = self.api.get_namespaced_custom_object(*_path(kind), name)
        except ApiException as error:
            if error.status == 404:
                return None
            raise
        return found

    def status(self, kind: str, name: str) -> Json:
        """Return the status of a resource that is there; {} while it has none."""
        found = self.get(kind, name)
        assert found is not None, f"{kind} {name} is gone"
        status: Json = found.get("status", {})
        return status

    def change(self, kind: str, name: str, spec: Json) -> None:
        """Merge into the spec; None takes a key away."""
        self.api.patch_namespaced_custom_object(*_path(kind), name, {"spec": spec})

    def delete(self, kind: str, name: str, seconds: float = 30) -> None:
        """Delete a resource, and wait until its finalizers are gone with it."""
        try:
            self.api.delete_namespaced_custom_object(*_path(kind), name)
        except ApiException as error:
            if error.status != 404:
                raise
        poll_until(lambda: self.get(kind, name) is None, f"{kind} {name} is gone", seconds=seconds)

    @contextmanager
    def made(self, kind: str, name: str, spec: Json, cluster: str = "mandates") -> Iterator[str]:
        """Make a resource for the length of a block; the name is the block's."""
        metadata = {"name": name, "labels": {"strimzi.io/cluster": cluster}}
        body = {"apiVersion": "kafka.strimzi.io/v1", "kind": kind, "metadata": metadata, "spec": spec}
        self.api.create_namespaced_custom_object(*_path(kind), body)
        try:
            yield name
        finally:
            self.delete(kind, name)

    def observed(self, kind: str, name: str, seconds: float) -> Json:
        """Wait until the operator has answered the newest spec, and return the condition it gave."""

        def look() -> Json | None:
            found = self.get(kind, name)
            assert found is not None, f"{kind} {name} is gone"
            status = found.get("status", {})
            answered = status.get("observedGeneration") == found["metadata"]["generation"]
            return status["conditions"][0] if answered else None

        seen = poll_until(look, f"{kind} {name} is answered", seconds=seconds)
        assert seen is not None
        return {key: value for key, value in seen.items() if key != "lastTransitionTime"}


READY = {"type": "Ready", "status": "True"}


def _path(kind: str) -> tuple[str, str, str, str]:
    return "kafka.strimzi.io", "v1", "default", KINDS[kind]
