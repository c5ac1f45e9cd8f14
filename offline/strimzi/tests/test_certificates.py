from __future__ import annotations

import socket
import ssl
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import pkcs12

from strimzi_double import certificates
from strimzi_double.authority import cluster_keys, decoded
from strimzi_double.certificates import is_issued_by, issue, new_authority, principal, renewed, trust_store
from strimzi_double.cluster_reader import read_cluster

from .resources import kafka, pool


def handshake(tmp_path: Path, keystore: str, ca: str, host: str) -> None:
    """A TLS handshake with a server that shows the keystore; ssl.SSLError if it is not trusted."""
    (tmp_path / "keystore.pem").write_text(keystore)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "keystore.pem")
    client = ssl.create_default_context(cadata=ca)
    near, far = socket.socketpair()

    def serve() -> None:
        try:
            server.wrap_socket(far, server_side=True).close()
        except (ssl.SSLError, OSError):
            far.close()

    other = threading.Thread(target=serve)
    other.start()
    try:
        with near:
            client.wrap_socket(near, server_hostname=host).close()
    finally:
        other.join()


@pytest.mark.parametrize(
    "host",
    [
        "c-kafka-bootstrap",
        "c-kafka-bootstrap.ns.svc",
        "c-kafka-bootstrap.ns.svc.cluster.local",
        "c-p-0.c-kafka-brokers.ns.svc",
        "c-p-0",
    ],
)
def test_a_node_is_trusted_under_every_name_it_has(tmp_path: Path, host: str) -> None:
    its_kafka = kafka()
    keys = cluster_keys(read_cluster(its_kafka, [pool()]), its_kafka, {})
    handshake(tmp_path, keys.read_by["c-p-0"], keys.ca, host)


def test_a_node_is_not_trusted_under_another_name_or_authority(tmp_path: Path) -> None:
    authority = new_authority("a")
    signed = issue(authority, "n", ["right"])
    keystore = signed.certificate + signed.key
    with pytest.raises(ssl.SSLError):
        handshake(tmp_path, keystore, authority.certificate, "wrong")
    with pytest.raises(ssl.SSLError):
        handshake(tmp_path, keystore, new_authority("a").certificate, "right")


def test_who_signed_it_is_known() -> None:
    authority = new_authority("a")
    certificate = issue(authority, "n").certificate
    assert is_issued_by(certificate, authority.certificate)
    assert not is_issued_by(certificate, new_authority("a").certificate)
    assert not is_issued_by("no certificate", authority.certificate)


def test_a_renewed_authority_signs_what_the_one_before_is_trusted_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = new_authority("a")
    signed = issue(before, "n", ["host"])
    monkeypatch.setattr(certificates, "_SKEW", timedelta())  # some minutes later
    authority = renewed(before)
    assert authority.certificate != before.certificate
    assert not is_issued_by(signed.certificate, authority.certificate), "it is to be signed anew"
    anew = issue(authority, "n", ["host"])
    for pair in (signed, anew):
        for trusted in (before, authority):
            handshake(tmp_path, pair.certificate + pair.key, trusted.certificate, "host")


@pytest.mark.usefixtures("_as_large_as_strimzi_s")
def test_authorities_are_named_and_made_as_strimzi_s() -> None:
    its_kafka = kafka()
    made = {
        item["metadata"]["name"]: item
        for item in cluster_keys(read_cluster(its_kafka, [pool()]), its_kafka, {}).to_write
    }
    for name in ("cluster-ca", "clients-ca"):
        certificate = x509.load_pem_x509_certificate((decoded(made[f"c-{name}-cert"], "ca.crt") or "").encode())
        assert certificate.subject.rfc4514_string() == f"CN={name} v0,O=io.strimzi"
        key = certificate.public_key()
        assert isinstance(key, RSAPublicKey)
        assert key.key_size == 4096


def test_a_node_s_secret_has_its_certificate_and_key_by_its_name() -> None:
    its_kafka = kafka()
    made = {
        item["metadata"]["name"]: item
        for item in cluster_keys(read_cluster(its_kafka, [pool()]), its_kafka, {}).to_write
    }
    for node in range(3):
        assert set(made[f"c-p-{node}"]["data"]) == {f"c-p-{node}.crt", f"c-p-{node}.key"}


def test_the_trust_store_opens_with_its_password() -> None:
    its_kafka = kafka()
    keys = cluster_keys(read_cluster(its_kafka, [pool()]), its_kafka, {})
    secrets = {item["metadata"]["name"]: item for item in keys.to_write}
    password = decoded(secrets["c-cluster-ca-cert"], "ca.password")
    assert password
    store = pkcs12.load_pkcs12(trust_store(keys.ca, password), password.encode())
    (entry,) = store.additional_certs
    assert entry.friendly_name == b"ca.crt"


def test_kafka_names_a_client_by_its_certificate() -> None:
    assert principal("cluster-operator") == "User:CN=cluster-operator,O=io.strimzi"
