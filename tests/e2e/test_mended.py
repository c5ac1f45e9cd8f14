"""What is missing, wrong or forbidden is told where docs/operations.md says; mended, all goes on by itself."""

import json
from typing import Any

from cluster.target import Target
from curl import service
from polling import poll_until

NETWORK_POLICY = "iot"


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
