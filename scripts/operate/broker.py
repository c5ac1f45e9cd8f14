"""Kafka, as its own tools show and change it in a broker's pod."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from cluster.failure import Failure
from cluster.target import Target
from operate.pod import lines_of, run_in

SERVER = "--bootstrap-server localhost:9092"
TOPIC = "connection-mandates-topic"
DEAD_LETTERS = "connection-mandates-dead-letter"

Offsets = Mapping[int, int]
"""Partition -> offset."""

# Of a console consumer that nothing arrives at any more: only what it is told to read is expected of it.
_IDLE_MS = 20_000
_PRINTED = ("timestamp", "partition", "offset", "key")
_NULL = "null"


@dataclass(frozen=True)
class Stand:
    """Where a consumer group stands in a partition.

    :param position: the offset it reads next.
    :param end: the offset after the last record.
    """

    position: int
    end: int


@dataclass(frozen=True)
class Record:
    """One record of a topic.

    :param timestamp: milliseconds since 1970.
    :param key: None when it has none.
    :param value: as text; None when it is empty, which on a compacted topic means deleted.
    """

    partition: int
    offset: int
    timestamp: int
    key: str | None
    value: str | None


class Broker:
    """A ready broker of the cluster.

    :raises Failure: none is ready.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        labels = "--selector=strimzi.io/cluster=mandates,strimzi.io/kind=Kafka"
        listed = target.get("pods", labels) or {"items": []}
        ready = [one["metadata"]["name"] for one in listed["items"] if _serves(one)]
        if not ready:
            raise Failure("no Kafka broker is ready", "Look at kubectl get kafka,pods, or run make up")
        self.pod = min(ready)

    def begins(self, topic: str) -> Offsets:
        """Return the first offset of each partition."""
        return self._offsets(topic, "earliest")

    def ends(self, topic: str) -> Offsets:
        """Return the offset after the last record of each partition."""
        return self._offsets(topic, "latest")

    def _offsets(self, topic: str, time: str) -> Offsets:
        text = self._run(f"bin/kafka-get-offsets.sh {SERVER} --topic {topic} --time {time}")
        rows = [line.split(":") for line in text.splitlines() if line.startswith(f"{topic}:")]
        if not rows:
            raise Failure(f"there is no topic {topic}", "Apply k8s/strimzi, or run make up")
        return {int(partition): int(offset) for _, partition, offset in rows}

    def stand(self, group: str, topic: str, ends: Offsets) -> dict[int, Stand]:
        """Return where a consumer group stands in each partition.

        :param ends: of all partitions, as seen before: for those of which the group knows nothing yet.
        """
        text = self._run(f"bin/kafka-consumer-groups.sh {SERVER} --describe --group {group} --offsets")
        seen = stands_in(text, topic)
        new = [one for one, end in ends.items() if one not in seen and end > 0]
        begins = self.begins(topic) if new else {}
        return {one: seen.get(one) or Stand(begins.get(one, 0), end) for one, end in ends.items()}

    def groups(self) -> set[str]:
        """Return the names of all consumer groups that are known."""
        return set(self._run(f"bin/kafka-consumer-groups.sh {SERVER} --list").split())

    def delete_group(self, group: str) -> str | None:
        """Delete a consumer group; return why it cannot be, such as a member that is still there."""
        text = self._run(f"bin/kafka-consumer-groups.sh {SERVER} --delete --group {group}", said=True)
        return None if "successful" in text else next(iter(text.strip().splitlines()[-1:]), "no answer")

    def records(self, topic: str) -> Iterator[Record]:
        """Read a topic from its beginning to where it ends now.

        The last record of a partition is never compacted away, so the end is known when it has come.

        :raises Failure: not all could be read.
        """
        ends = self.ends(topic)
        if not any(ends.values()):
            return
        missing = {partition for partition, end in ends.items() if end > 0}
        shown = " ".join(f"--formatter-property print.{what}=true" for what in _PRINTED)
        reading = (
            f"bin/kafka-console-consumer.sh {SERVER} --topic {topic} --from-beginning --timeout-ms {_IDLE_MS} {shown}"
        )
        with lines_of(self._target, self.pod, reading) as lines:
            for line in lines:
                record = record_in(line)
                if record is None:
                    continue
                yield record
                if record.offset >= ends[record.partition] - 1:
                    missing.discard(record.partition)
                    if not missing:
                        return
        # Asked only now, when it has not come: records can also have been deleted by hand, up to the end.
        begins = self.begins(topic)
        if all(begins[partition] >= ends[partition] for partition in missing):
            return
        raise Failure(f"partition {min(missing)} of {topic} could not be read to its end", "Run it again")

    def write(self, topic: str, records: Iterable[tuple[str, str | None]]) -> None:
        """Append records, key and value of one line each; no value marks the key as deleted.

        :raises Failure: Kafka did not acknowledge them.
        """
        lines = "".join(f"{key}\t{_NULL if value is None else value}\n" for key, value in records)
        said = self._run(
            f"bin/kafka-console-producer.sh {SERVER} --topic {topic} --sync --command-property acks=all "
            f"--reader-property parse.key=true --reader-property null.marker={_NULL}",
            stdin=lines,
            said=True,
        )
        if "ERROR" in said or "Exception" in said:
            raise Failure(f"Kafka did not take what was written to {topic}:\n    {said.strip()[:400]}", "Run it again")

    def _run(self, command: str, stdin: str = "", *, said: bool = False) -> str:
        redirected = f"{command} 2>&1" if said else command
        return run_in(self._target, self.pod, "sh", "-c", redirected, stdin=stdin)


def stands_in(text: str, topic: str) -> dict[int, Stand]:
    """Read the table of kafka-consumer-groups.sh --describe --offsets, without what has no position yet."""
    rows = [line.split() for line in text.splitlines()]
    return {
        int(row[2]): Stand(int(row[3]), int(row[4]))
        for row in rows
        if len(row) > 5 and row[1] == topic and row[3].isdigit() and row[4].isdigit()
    }


def record_in(line: str) -> Record | None:
    """Read a line of the console consumer; None for one that is a later line of a value."""
    fields = line.rstrip("\n").split("\t", 4)
    if len(fields) != 5 or not fields[0].partition(":")[2].isdigit():
        return None
    timestamp, partition, offset = (field.partition(":")[2] for field in fields[:3])
    if not (partition.isdigit() and offset.isdigit()):
        return None
    key, value = (None if field == _NULL else field for field in fields[3:])
    return Record(int(partition), int(offset), int(timestamp), key, value or None)


def _serves(pod: dict[str, object]) -> bool:
    match pod:
        case {"status": {"conditions": [*conditions]}}:
            return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
    return False
