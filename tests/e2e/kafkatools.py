"""Kafka's own tools in the pod `kafka-tools`: as the operator, whom they are by themselves, or as another user."""

import subprocess
from collections.abc import Iterable

from cluster.target import Target
from operate.broker import TOOLS
from operate.pod import words_in


def ask(target: Target, command: str, stdin: str = "") -> str:
    """Run a shell command beside the tools; its output, both streams."""
    done = subprocess.run(
        words_in(target, TOOLS, "sh", "-c", command),
        env=target.environment,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.stdout + done.stderr


def settings_of(target: Target, user: str) -> str:
    """Bring a user's settings to the tools; the file, for `--command-config`."""
    template = 'go-template={{index .data "sasl.jaas.config" | base64decode}}'
    login = target.output(*target.words("get", "secret", user, "-o", template))
    assert login
    file = f"/tmp/{user}.properties"  # noqa: S108  in the pod
    ask(
        target,
        f"cat > {file}",
        f"security.protocol=SASL_SSL\nsasl.mechanism=SCRAM-SHA-512\nsasl.jaas.config={login}\n"
        "ssl.truststore.type=PEM\nssl.truststore.location=/etc/kafka/authority/ca.crt\n",
    )
    return file


def publish(target: Target, topic: str, records: Iterable[tuple[str, str]], user: str = "crm") -> None:
    """Append records, key and value, as a user who may: of the mandates topic that is CRM's alone."""
    producer = (
        f"kafka-console-producer.sh --topic {topic} --sync --command-config {settings_of(target, user)} "
        "--command-property enable.idempotence=false --reader-property parse.key=true"
    )
    said = ask(target, producer, "".join(f"{key}\t{value}\n" for key, value in records))
    assert "ERROR" not in said, said
    assert "Exception" not in said, said
