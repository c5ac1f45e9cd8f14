"""The admin clients, one for each Kafka cluster that has been ready."""

from __future__ import annotations

from .admin import Admin
from .authority import decoded
from .broker_config import OPERATOR_NAME, REPLICATION_PORT
from .confluent import ConfluentAdmin
from .kube import Kube


class Clusters:
    """Gives and keeps the client of a cluster; a changed certificate gets a new one."""

    def __init__(self, kube: Kube, timeout: float) -> None:
        self._kube = kube
        self._timeout = timeout
        self._clients: dict[tuple[str, str], tuple[dict[str, str], Admin]] = {}

    async def admin(self, namespace: str, cluster: str) -> Admin | None:
        """The cluster's client; None while its certificates are missing."""
        ca = await self._secret(namespace, f"{cluster}-cluster-ca-cert", "ca.crt")
        operator = f"{cluster}-cluster-operator-certs"
        certificate = await self._secret(namespace, operator, f"{OPERATOR_NAME}.crt")
        key = await self._secret(namespace, operator, f"{OPERATOR_NAME}.key")
        if ca is None or certificate is None or key is None:
            return None
        config = {
            "bootstrap.servers": f"{cluster}-kafka-bootstrap.{namespace}.svc:{REPLICATION_PORT}",
            "security.protocol": "ssl",
            "ssl.ca.pem": ca,
            "ssl.certificate.pem": certificate,
            "ssl.key.pem": key,
        }
        known = self._clients.get((namespace, cluster))
        if known is None or known[0] != config:
            known = (config, ConfluentAdmin(config, self._timeout))
            self._clients[namespace, cluster] = known
        return known[1]

    def forget(self, namespace: str, cluster: str) -> None:
        """Let go of the client of a cluster that is deleted."""
        self._clients.pop((namespace, cluster), None)

    async def _secret(self, namespace: str, name: str, key: str) -> str | None:
        found = await self._kube.get("Secret", namespace, name, "v1")
        return None if found is None else decoded(found, key)
