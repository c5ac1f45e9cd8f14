"""Who may do what in Kafka, and how a user comes, changes its password and goes."""

from kubernetes import client

from broker import Command, login, secret
from cluster.target import Target
from polling import poll_until
from resources import READY, Resources

TOPIC = "connection-mandates-topic"


def write(run: Command) -> str:
    """What Kafka says to a record without a key: it may not stay, but whether one may write is asked first."""
    # An idempotent producer asks for more than the right to write to this topic.
    words = ("--topic", TOPIC, "--sync", "--command-property", "enable.idempotence=false")
    return run("kafka-console-producer.sh", *words, stdin="no key, no place in a compacted topic\n").errors


def read(run: Command, *words: str) -> tuple[int, str]:
    """How many records Kafka gives, at most one, and what it says."""
    said = run("kafka-console-consumer.sh", "--topic", TOPIC, "--max-messages", "1", "--timeout-ms", "15000", *words)
    return len(said.text.splitlines()), said.errors


def in_group(name: str) -> tuple[str, ...]:
    # Nothing is committed, so Kafka forgets the group.
    return "--from-beginning", "--group", name, "--command-property", "enable.auto.commit=false"


def test_crm_writes_and_cannot_read(target: Target, core: client.CoreV1Api) -> None:
    crm = login(target, core, "crm")
    assert "InvalidRecordException: Compacted topic cannot accept message without key" in write(crm)
    count, errors = read(crm, "--partition", "0", "--offset", "earliest")
    assert count == 0
    assert f"TopicAuthorizationException: Not authorized to access topics: [{TOPIC}]" in errors


def test_iot_reads_in_its_own_groups_and_cannot_write(target: Target, core: client.CoreV1Api) -> None:
    iot = login(target, core, "iot")
    assert f"TopicAuthorizationException: Not authorized to access topics: [{TOPIC}]" in write(iot)
    assert read(iot, *in_group("iot-e2e"))[0] == 1
    count, errors = read(iot, *in_group("e2e-of-nobody"))
    assert count == 0
    assert "GroupAuthorizationException: Not authorized to access group: e2e-of-nobody" in errors


def test_a_user_sees_only_the_topics_that_it_may_describe(target: Target, core: client.CoreV1Api) -> None:
    assert login(target, core, "iot")("kafka-topics.sh", "--list").text.split() == [TOPIC]


def test_a_user_comes_changes_its_password_and_goes(
    target: Target, core: client.CoreV1Api, custom: client.CustomObjectsApi
) -> None:
    def listed(password: str) -> list[str] | None:
        """What the user sees with a password; None if it is refused."""
        said = login(target, core, "e2e-user", password)("kafka-topics.sh", "--list")
        if "SaslAuthenticationException: Authentication failed" in said.text + said.errors:
            return None
        assert said.code == 0, said
        return said.text.split()

    resources = Resources(custom)
    acl = {"resource": {"type": "topic", "name": "connection-", "patternType": "prefix"}, "operations": ["Describe"]}
    spec = {
        "authentication": {"type": "scram-sha-512"},
        "authorization": {"type": "simple", "acls": [acl]},
    }
    with resources.made("KafkaUser", "e2e-user", spec) as name:
        assert resources.observed("KafkaUser", name, 5) == READY
        first = secret(core, name)["password"]
        assert listed(first) == [TOPIC]

        core.delete_namespaced_secret(name, "default")
        second = poll_until(lambda: secret(core, name).get("password"), "the Secret is back", seconds=5)
        assert second
        assert second != first
        poll_until(lambda: listed(second) == [TOPIC], "the new password is taken", seconds=5)
        assert listed(first) is None
    poll_until(lambda: not secret(core, name), "the Secret goes with the user", seconds=15)
    poll_until(lambda: listed(second) is None, "the user is refused", seconds=15)
