"""Each secret is changed under load, as docs/operations.md says, and nothing is lost."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from changing import all_visible, changing
from cluster.target import Target
from kafkatools import ask
from polling import poll_until
from shell import Shell, follow, shell

USERS = ("crm", "iot", "operator")
PUBSUBS = ("crm-pubsub", "iot-pubsub")
JSON_UIDS = "jsonpath={.items[*].metadata.uid}"


def content(target: Target, name: str, key: str = "password") -> str:
    found = target.get("secret", name)
    assert found, name
    value: str = found["data"][key]
    return value


def loaded(target: Target, component: str) -> int:
    """How often a service's sidecar has loaded a component with a password."""
    name = "crm" if component == "crm-pubsub" else "iot"
    said = target.output(*target.words("logs", f"deployment/{name}", "--container=daprd")) or ""
    return said.count(f"Component loaded: {component}")


def uids(target: Target) -> set[str]:
    """Of the brokers' pods."""
    said = target.output(*target.words("get", "pods", "--selector=strimzi.io/broker-role=true", "-o", JSON_UIDS))
    return set((said or "").split())


@contextmanager
def both_take(target: Target, what: str) -> Iterator[None]:
    """Something for the length of a block, after which both sidecars load their way to Kafka anew."""
    before = {name: loaded(target, name) for name in PUBSUBS}
    yield
    for name in PUBSUBS:
        poll_until(
            lambda name=name: loaded(target, name) > before[name],  # type: ignore[misc]
            f"{what} is taken for {name}",
            seconds=90,
            every=1,
        )


@contextmanager
def under_load(target: Target, folder: Path, prefix: str) -> Iterator[Shell]:
    """A shell for the length of a block, in which mandates keep changing; afterwards IoT knows the last of each."""
    with changing(target, prefix) as accepted:
        with shell(target, folder) as operator:
            yield operator
        seen = dict(accepted)
        poll_until(lambda: accepted != seen, "changes go on", seconds=20)
    all_visible(target, accepted)


def test_kafka_s_users_get_new_passwords_while_everything_goes_on(target: Target, tmp_path: Path) -> None:
    before = {name: content(target, name) for name in USERS}
    with under_load(target, tmp_path, "rotated") as operator, both_take(target, "the new password"):
        follow(operator, "Kafka's users")
        assert all(content(target, name) != before[name] for name in USERS)
    poll_until(
        lambda: "connection-mandates-topic" in ask(target, "kafka-topics.sh --list"),
        "the tools have theirs",
        seconds=90,
        every=2,
    )


def test_kafka_s_authority_is_renewed_while_everything_goes_on(target: Target, tmp_path: Path) -> None:
    authority = ("mandates-cluster-ca-cert", "ca.crt")
    before = content(target, *authority)
    pods = uids(target)
    with under_load(target, tmp_path, "renewed") as operator, both_take(target, "the new certificate"):
        follow(operator, "Kafka's authority")
        poll_until(lambda: content(target, *authority) != before, "there is another certificate", seconds=60, every=1)
        poll_until(lambda: not pods & uids(target), "each broker has been made anew", seconds=300, every=2)
        target.kubectl("wait", "--for=condition=Ready", "kafka/mandates", "--timeout=120s")
    assert "connection-mandates-topic" in ask(target, "kafka-topics.sh --list")


def test_redis_gets_a_new_password_while_everything_goes_on(target: Target, tmp_path: Path) -> None:
    before = content(target, "redis")
    with under_load(target, tmp_path, "redis") as operator:
        follow(operator, "Redis")
    assert content(target, "redis") != before


def test_iot_and_its_sidecar_get_a_new_token_and_nothing_is_lost(target: Target, tmp_path: Path) -> None:
    """CRM's is changed where CRM does not forget: test_crm_stores.py."""
    before = content(target, "iot-app-token", "token")
    with under_load(target, tmp_path, "tokens") as operator:
        follow(operator, "The tokens of the sidecars", about="iot")
    assert content(target, "iot-app-token", "token") != before
