"""The Kubernetes API, as far as this operator uses it: JSON over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any
from urllib.parse import urlencode

import aiohttp
import kopf

from .resource import API_VERSION, Resource, name_of, namespace_of

_FIELD_MANAGER = "strimzi-double"
PLURALS = {
    ("v1", "ConfigMap"): "configmaps",
    ("v1", "PersistentVolumeClaim"): "persistentvolumeclaims",
    ("v1", "Pod"): "pods",
    ("v1", "Secret"): "secrets",
    ("v1", "Service"): "services",
    ("v1", "ServiceAccount"): "serviceaccounts",
    ("networking.k8s.io/v1", "NetworkPolicy"): "networkpolicies",
    ("policy/v1", "PodDisruptionBudget"): "poddisruptionbudgets",
    (API_VERSION, "Kafka"): "kafkas",
    (API_VERSION, "KafkaNodePool"): "kafkanodepools",
    (API_VERSION, "KafkaTopic"): "kafkatopics",
    (API_VERSION, "KafkaUser"): "kafkausers",
}
_NOT_FOUND, _CONFLICT = 404, 409


class KubeError(Exception):
    """The API server refused; code is the HTTP status."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class Kube:
    """A client for the lifetime of the process; enter it to use it.

    login gives the address and credentials. It is asked before each request, because a
    service account's token is replaced on disk every hour.
    """

    def __init__(self, login: Callable[[], kopf.ConnectionInfo]) -> None:
        self._login = login

    async def __aenter__(self) -> Kube:
        info = self._login()
        connector = aiohttp.TCPConnector(ssl=info.as_ssl_context())
        timeout = aiohttp.ClientTimeout(total=30)
        self._session = aiohttp.ClientSession(base_url=info.server, connector=connector, timeout=timeout)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._session.close()

    async def get(self, kind: str, namespace: str, name: str, api_version: str = API_VERSION) -> Resource | None:
        """One object, None if it is not there."""
        try:
            found: Resource = await self._call("GET", _path(api_version, kind, namespace, name))
        except KubeError as error:
            if error.code == _NOT_FOUND:
                return None
            raise
        return found

    async def list(
        self,
        kind: str,
        namespace: str | None = None,
        *,
        labels: Mapping[str, str] | None = None,
        api_version: str = API_VERSION,
    ) -> list[Resource]:
        """The objects with these labels, of one namespace or of all."""
        wanted = ",".join(f"{key}={value}" for key, value in (labels or {}).items())
        query = f"?{urlencode({'labelSelector': wanted})}" if wanted else ""
        answer = await self._call("GET", _path(api_version, kind, namespace) + query)
        # A list leaves out what all its items have in common.
        return [{"apiVersion": api_version, "kind": kind, **item} for item in answer["items"]]

    async def apply(self, wanted: Resource) -> None:
        """Make the object so (server-side apply), taking over fields that others set."""
        query = urlencode({"fieldManager": _FIELD_MANAGER, "force": "true"})
        kind = "application/apply-patch+yaml"
        await self._call("PATCH", f"{_path_of(wanted)}?{query}", wanted, kind)

    async def create(self, wanted: Resource) -> bool:
        """Make the object; False if one of that name is there already."""
        path = _path(wanted["apiVersion"], wanted["kind"], namespace_of(wanted))
        try:
            await self._call("POST", f"{path}?fieldManager={_FIELD_MANAGER}", wanted)
        except KubeError as error:
            if error.code == _CONFLICT:
                return False
            raise
        return True

    async def merge(self, target: Resource, patch: Resource, *, part: str = "") -> None:
        """Merge-patch the object (part "/status": its status); nothing if it is gone."""
        path = f"{_path_of(target)}{part}?fieldManager={_FIELD_MANAGER}"
        try:
            await self._call("PATCH", path, patch, "application/merge-patch+json")
        except KubeError as error:
            if error.code != _NOT_FOUND:
                raise

    async def delete(self, target: Resource) -> None:
        """Delete exactly this object, not one that has taken its name since."""
        options = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": {"uid": target["metadata"]["uid"]},
        }
        try:
            await self._call("DELETE", _path_of(target), options)
        except KubeError as error:
            if error.code not in {_NOT_FOUND, _CONFLICT}:
                raise

    async def _call(self, method: str, path: str, body: Resource | None = None, kind: str = "application/json") -> Any:
        headers = {**self._login().as_http_headers(), "Content-Type": kind}
        async with self._session.request(method, path, json=body, headers=headers) as response:
            answer = await response.json(content_type=None)
            if not response.ok:
                raise KubeError(response.status, f"{method} {path}: {answer.get('message')}")
            return answer


def _path(api_version: str, kind: str, namespace: str | None, name: str | None = None) -> str:
    root = "/api/v1" if api_version == "v1" else f"/apis/{api_version}"
    scope = f"/namespaces/{namespace}" if namespace else ""
    return f"{root}{scope}/{PLURALS[api_version, kind]}" + (f"/{name}" if name else "")


def _path_of(item: Resource) -> str:
    return _path(item["apiVersion"], item["kind"], namespace_of(item), name_of(item))
