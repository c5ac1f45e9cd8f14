"""Kafka's own commands, run in a broker pod as a reader of the walkthrough does."""

import base64
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass

from kubernetes import client

from cluster.target import Target

PLAIN = "localhost:9092"
TLS = "mandates-kafka-bootstrap:9093"
# Where the command finds its client's properties, without a file that somebody must remove.
_WITH_PROPERTIES = 'exec "bin/$1" --command-config <(printf %s "$0") "${@:2}"'

Command = Callable[..., "Said"]


@dataclass(frozen=True)
class Said:
    """What a command said.

    :param code: its exit code.
    :param text: standard output.
    :param errors: standard error.
    """

    code: int
    text: str
    errors: str


@dataclass(frozen=True)
class Topic:
    """A topic as Kafka describes it.

    :param config: what differs from the broker's defaults.
    :param replicas: for each partition, the nodes that hold it, its leader's first choice first.
    """

    topic_id: str
    config: dict[str, str]
    replicas: list[list[int]]


def command(target: Target, name: str, *words: str, bootstrap: str = PLAIN, stdin: str = "", pod: int = 0) -> Said:
    """Run `bin/NAME` in the pod of a node, by default as ANONYMOUS, who may do everything."""
    return _exec(target, pod, [f"bin/{name}", "--bootstrap-server", bootstrap, *words], stdin)


def login(target: Target, core: client.CoreV1Api, user: str, password: str | None = None) -> Command:
    """Return a `command` that comes in through the listener of the services.

    :param user: the KafkaUser.
    :param password: in place of the one in the user's Secret.
    """
    ca = secret(core, "mandates-cluster-ca-cert")["ca.crt"].replace("\n", "\\n")
    jaas = secret(core, user)["sasl.jaas.config"] if password is None else jaas_config(user, password)
    properties = "\n".join(
        [
            "security.protocol=SASL_SSL",
            "sasl.mechanism=SCRAM-SHA-512",
            f"sasl.jaas.config={jaas}",
            "ssl.truststore.type=PEM",
            f"ssl.truststore.certificates={ca}",
        ]
    )

    def run(name: str, *words: str, stdin: str = "") -> Said:
        script = ["bash", "-c", _WITH_PROPERTIES, properties, name, "--bootstrap-server", TLS, *words]
        return _exec(target, 0, script, stdin)

    return run


def jaas_config(user: str, password: str) -> str:
    """Return the line with which Kafka's Java client logs in."""
    module = "org.apache.kafka.common.security.scram.ScramLoginModule"
    return f'{module} required username="{user}" password="{password}";'


def secret(core: client.CoreV1Api, name: str) -> dict[str, str]:
    """Return the decoded content of a Secret; {} if there is none."""
    found = core.list_namespaced_secret("default", field_selector=f"metadata.name={name}").items
    data = found[0].data if found else {}
    return {key: base64.b64decode(value).decode(errors="replace") for key, value in data.items()}


def describe(target: Target, name: str, pod: int = 0) -> Topic | None:
    """Ask Kafka for a topic; None if there is none of that name."""
    said = command(target, "kafka-topics.sh", "--describe", "--topic", name, pod=pod)
    if f"Topic '{name}' does not exist" in said.text + said.errors:
        return None
    assert said.code == 0, said
    first, *partitions = said.text.splitlines()
    topic_id = re.search(r"TopicId: (\S+)", first)
    config = re.search(r"Configs: (\S*)", first)
    assert topic_id, first
    assert config, first
    entries = re.findall(r"([^=,]+)=((?:[^,]|,(?![^=,]+=))*)", config[1])
    held = [re.search(r"Replicas: ([\d,]+)", line) for line in partitions]
    return Topic(topic_id[1], dict(entries), [[int(node) for node in one[1].split(",")] for one in held if one])


def _exec(target: Target, pod: int, words: list[str], stdin: str) -> Said:
    kubectl = ["kubectl", "--context", target.context, "exec", "--stdin", f"mandates-dual-role-{pod}", "--"]
    done = subprocess.run(
        target.found([*kubectl, *words]),
        env=target.environment,
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return Said(done.returncode, done.stdout, done.stderr)
