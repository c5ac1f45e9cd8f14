"""CRM on the cluster goes on while brokers die, and in the end topic and IoT say what it says."""

from uuid import uuid4

from kubernetes import client

from cluster.services import forwarded
from cluster.target import NAMESPACE, Target
from curl import service
from kafkatools import ask
from parts.changes import Changes
from parts.topic import Record, last_levels
from polling import poll_until

TOPIC = "connection-mandates-topic"
BROKERS = ["mandates-dual-role-1", "mandates-dual-role-2"]
CONNECTIONS, CHANGES = 500, 5000


def on_topic(target: Target, prefix: str) -> list[Record]:
    """The records of connections whose id begins so, by partition and offset."""
    shown = " ".join(f"--formatter-property print.{what}=true" for what in ("timestamp", "partition", "offset", "key"))
    read = (
        f"kafka-console-consumer.sh --topic {TOPIC} --from-beginning "
        f"--timeout-ms 5000 --formatter-property key.separator='\t' {shown}"
    )
    said = ask(target, read)
    return sorted(
        (
            Record(int(partition), int(offset), int(timestamp), key, value.encode())
            for timestamp, partition, offset, key, value in map(_fields, filter(_is_record, said.splitlines()))
            if key.startswith(prefix)
        ),
        key=lambda record: (record.partition, record.offset),
    )


def _is_record(line: str) -> bool:
    return "\tPartition:" in line


def _fields(line: str) -> tuple[str, str, str, str, str]:
    timestamp, partition, offset, key, value = line.split("\t", 4)
    return timestamp.split(":")[1], partition.split(":")[1], offset.split(":")[1], key, value


def test_what_was_accepted_while_brokers_died_is_what_everyone_says(target: Target, core: client.CoreV1Api) -> None:
    def ready(name: str, before: str) -> bool:
        # Between the old pod and the new one there is none.
        pods = core.list_namespaced_pod(NAMESPACE, field_selector=f"metadata.name={name}").items
        return any(
            pod.metadata.uid != before and condition.type == "Ready" and condition.status == "True"
            for pod in pods
            for condition in pod.status.conditions or []
        )

    prefix = f"fault-{uuid4().hex[:8]}"
    with forwarded(target, "service/crm", 3005) as port:
        url = f"http://127.0.0.1:{port}"
        changes = Changes([url], connections=CONNECTIONS, clients=16, prefix=prefix, pace=0.05)
        with changes.going_on():
            for name in BROKERS:
                before = core.read_namespaced_pod(name, NAMESPACE).metadata.uid
                core.delete_namespaced_pod(name, NAMESPACE, grace_period_seconds=0)
                poll_until(lambda name=name, before=before: ready(name, before), f"{name} is back", seconds=120)  # type: ignore[misc]
            poll_until(lambda: changes.accepted >= CHANGES, f"{CHANGES} changes", seconds=120)
        assert changes.unanswered == 0
        levels = changes.last_levels()
        poll_until(lambda: last_levels(on_topic(target, prefix)) == levels, "the topic says it", seconds=120, every=2)
        changes.compare(on_topic(target, prefix))
        changes.confirm(url)

    with service(target, "iot") as iot:

        def heard() -> bool:
            for connection, level in levels.items():
                reply = iot.curl(f"?connectionId={connection}")
                assert reply.status == 200, (connection, reply)
                assert reply.json["connectionMandate"] == level, (connection, reply, level)
            return True

        poll_until(heard, "IoT says it", seconds=60)
