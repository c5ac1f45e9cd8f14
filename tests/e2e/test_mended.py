"""What is missing, wrong or forbidden is told where docs/operations.md says; mended, all goes on by itself."""

import json
from base64 import b64decode, b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from cluster.target import Target
from curl import service
from polling import poll_until

NETWORK_POLICY = "iot"
AUTHORITY = "mandates-cluster-ca-cert"
PAUSED = "strimzi.io/pause-reconciliation"


def bare(found: dict[str, Any] | None) -> str:
    """What is there, as it can be made again."""
    assert found
    kept = {key: found["metadata"][key] for key in ("name", "labels", "annotations") if key in found["metadata"]}
    content = {key: value for key, value in found.items() if key not in ("metadata", "status")}
    return json.dumps({**content, "metadata": kept})


def restart(target: Target) -> None:
    target.kubectl("rollout", "restart", "deployment/iot")


def is_up(target: Target) -> None:
    target.kubectl("rollout", "status", "deployment/iot", "--timeout=180s")
    with service(target, "iot") as iot:
        assert iot.curl("?connectionId=7733").status == 200


def described(target: Target) -> str:
    return (
        target.output(*target.words("describe", "pods", "--selector=app.kubernetes.io/name=iot", "--show-events")) or ""
    )


def logged(target: Target, container: str) -> str:
    """What a container of IoT's pods says, also one that has ended."""
    words = ("logs", "--selector=app.kubernetes.io/name=iot", f"--container={container}", "--tail=-1")
    return "".join(target.output(*target.words(*words, *more)) or "" for more in ((), ("--previous",)))


def test_a_missing_secret(target: Target) -> None:
    token = bare(target.get("secret", "iot-app-token"))
    target.kubectl("delete", "secret", "iot-app-token")
    try:
        restart(target)
        poll_until(
            lambda: 'secret "iot-app-token" not found' in described(target), "the pod says what is missing", seconds=60
        )
        with service(target, "iot") as iot:
            assert iot.curl("?connectionId=7733").status == 200
    finally:
        target.kubectl("create", "-f", "-", stdin=token)
    is_up(target)


def test_a_wrong_password(target: Target) -> None:
    found = target.get("secret", "redis")
    assert found
    right = found["data"]["password"]
    try:
        patch(target, "d3Jvbmc=")
        poll_until(lambda: "WRONGPASS" in logged(target, "daprd"), "the sidecar's log says why", seconds=120, every=2)
    finally:
        patch(target, right)

    def mended() -> bool:
        with service(target, "iot") as iot:
            return iot.curl("?connectionId=7733").status == 200

    poll_until(mended, "IoT tells again", seconds=120, every=2)


def patch(target: Target, password: str) -> None:
    target.kubectl("patch", "secret", "redis", "--patch", json.dumps({"data": {"password": password}}))


def test_an_expired_certificate(target: Target) -> None:
    """Of Kafka's authority. Strimzi, which does not let it come to that, must look away."""
    held, key = target.get("secret", AUTHORITY), target.get("secret", "mandates-cluster-ca")
    assert held
    assert key
    target.kubectl("annotate", "kafka", "mandates", f"{PAUSED}=true")
    target.kubectl("wait", "--for=condition=ReconciliationPaused", "kafka/mandates", "--timeout=60s")
    try:
        over = expired(b64decode(held["data"]["ca.crt"]), b64decode(key["data"]["ca.key"]))
        data = {"ca.crt": b64encode(over).decode()}
        target.kubectl("patch", "secret", AUTHORITY, "--patch", json.dumps({"data": data}))
        poll_until(
            lambda: "certificate has expired" in logged(target, "daprd"),
            "the sidecar's log says why",
            seconds=120,
            every=2,
        )
        with service(target, "crm") as crm:
            made = crm.post("/customers", {"connectionId": "expired", "connectionMandate": "2"})
            assert made.status == 201, "changes are taken all the same"
    finally:
        target.kubectl("annotate", "secret", AUTHORITY, "strimzi.io/force-renew=true")
        target.kubectl("annotate", "kafka", "mandates", f"{PAUSED}-")

    def mended() -> bool:
        with service(target, "iot") as iot:
            level: str = iot.curl("?connectionId=expired").json.get("connectionMandate", "")
            return level == "2"

    poll_until(mended, "IoT tells what was changed meanwhile", seconds=300, every=2)
    target.kubectl("wait", "--for=condition=Ready", "kafka/mandates", "--timeout=300s")


def expired(certificate: bytes, private_key: bytes) -> bytes:
    """An authority's certificate as it is when its time is over; all PEM."""
    before = x509.load_pem_x509_certificate(certificate)
    key = serialization.load_pem_private_key(private_key, password=None)
    assert isinstance(key, rsa.RSAPrivateKey)
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(before.subject)
        .issuer_name(before.issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=2))
        .not_valid_after(now - timedelta(days=1))
    )
    for each in before.extensions:
        builder = builder.add_extension(each.value, each.critical)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def test_a_policy_that_forbids_an_arrow(target: Target) -> None:
    policy = bare(target.get("networkpolicy", NETWORK_POLICY))
    target.kubectl("delete", "networkpolicy", NETWORK_POLICY)
    try:
        restart(target)
        poll_until(
            lambda: "mandates-kafka-bootstrap:9093 takes no connection" in logged(target, "network"),
            "the container that looks first says whom it cannot reach",
            seconds=60,
        )
    finally:
        target.kubectl("create", "-f", "-", stdin=policy)
    is_up(target)
