"""The Secrets with the cluster's certificate authorities and with what they signed."""

from __future__ import annotations

import base64
import secrets
import string
from collections.abc import Mapping
from dataclasses import dataclass

from .broker_config import OPERATOR_NAME
from .certificates import KeyPair, is_issued_by, issue, new_authority, renewed, trust_store
from .cluster import Cluster
from .objects import labels
from .resource import Resource, annotation, owner_reference

FORCE_RENEW = "strimzi.io/force-renew"
"""What a person says of an authority's Secret that shall have a new certificate."""

_GENERATION = "strimzi.io/ca-cert-generation"
_PASSWORD_LENGTH = 12


@dataclass(frozen=True)
class Keys:
    """A cluster's Secrets: those still to be written, and the parts others need: by pod, what it reads of them when it
    starts."""

    to_write: list[Resource]
    ca: str
    read_by: dict[str, str]


def decoded(secret: Resource, key: str) -> str | None:
    """A value of a Secret as text, None if it is not there."""
    value = (secret.get("data") or {}).get(key)
    return None if value is None else base64.b64decode(value).decode()


def secret(
    name: str,
    namespace: str,
    data: Mapping[str, str | bytes],
    labels: Mapping[str, str],
    owner: Resource,
) -> Resource:
    """A Secret owned by `owner`."""
    octets = {k: v if isinstance(v, bytes) else v.encode() for k, v in data.items()}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": dict(labels),
            "ownerReferences": [owner_reference(owner)],
        },
        "data": {key: base64.b64encode(value).decode() for key, value in octets.items()},
    }


def is_to_be_renewed(authority: Resource) -> bool:
    """Whether a person asks for another certificate, of the Secret that has the one of now."""
    return annotation(authority, FORCE_RENEW) is not None


def random_password(length: int) -> str:
    """Letters and digits: nothing that a shell, a URL or a JAAS line would read otherwise."""
    alphabet = string.ascii_letters + string.digits
    return "".join(secrets.choice(alphabet) for _ in range(length))


def cluster_keys(cluster: Cluster, owner: Resource, existing: Mapping[str, Resource]) -> Keys:
    """Keep what is in `existing` (Secrets by name) and still good; make the rest."""
    made: list[Resource] = []

    def write(name: str, data: Mapping[str, str | bytes], annotations: Mapping[str, str] | None = None) -> None:
        made.append(secret(name, cluster.namespace, data, labels(cluster), owner))
        if annotations:
            made[-1]["metadata"]["annotations"] = dict(annotations)

    def authority(name: str) -> KeyPair:
        prefix = f"{cluster.name}-{name}"
        held = existing.get(f"{prefix}-cert")
        kept = _kept(existing, f"{prefix}-cert", "ca.crt", prefix, "ca.key")
        if held and kept and not is_to_be_renewed(held):
            return kept
        pair = renewed(kept) if kept else new_authority(f"{name} v0")
        password = random_password(_PASSWORD_LENGTH)
        store = trust_store(pair.certificate, password)
        generation = int(annotation(held, _GENERATION) or 0) + 1 if held else 0
        write(
            f"{prefix}-cert",
            {"ca.crt": pair.certificate, "ca.p12": store, "ca.password": password},
            {_GENERATION: str(generation)},
        )
        write(prefix, {"ca.key": pair.key})
        return pair

    cluster_ca = authority("cluster-ca")
    authority("clients-ca")

    operator = f"{cluster.name}-cluster-operator-certs"
    names = (f"{OPERATOR_NAME}.crt", f"{OPERATOR_NAME}.key")
    pair = _kept(existing, operator, names[0], operator, names[1])
    if pair is None or not is_issued_by(pair.certificate, cluster_ca.certificate):
        pair = issue(cluster_ca, OPERATOR_NAME)
        write(operator, {names[0]: pair.certificate, names[1]: pair.key})

    read_by = {}
    for node in cluster.node_ids:
        pod = cluster.pod(node)
        signed = _kept(existing, pod, f"{pod}.crt", pod, f"{pod}.key")
        if signed is None or not is_issued_by(signed.certificate, cluster_ca.certificate):
            signed = issue(cluster_ca, cluster.kafka, _hosts(cluster, node))
            write(pod, {f"{pod}.crt": signed.certificate, f"{pod}.key": signed.key})
        read_by[pod] = signed.certificate + signed.key + cluster_ca.certificate
    return Keys(made, cluster_ca.certificate, read_by)


def _kept(existing: Mapping[str, Resource], cert_secret: str, cert: str, key_secret: str, key: str) -> KeyPair | None:
    certificate = decoded(existing.get(cert_secret, {}), cert)
    private = decoded(existing.get(key_secret, {}), key)
    return KeyPair(certificate, private) if certificate and private else None


def _hosts(cluster: Cluster, node: int) -> list[str]:
    """Every name under which a client may reach the node."""
    pod = cluster.pod(node)
    inner = f"{pod}.{cluster.brokers_service}"
    stems = (cluster.bootstrap_service, cluster.brokers_service, inner)
    space = cluster.namespace
    tails = ("", f".{space}", f".{space}.svc", f".{space}.svc.cluster.local")
    return [pod, *(stem + tail for stem in stems for tail in tails)]
