"""Kafka, as its own tools show and change it in the pod `kafka-tools`, which knows where and as whom."""

import secrets
import shlex
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from cluster.failure import Failure
from cluster.target import Target
from operate.pod import LONGEST, PAUSE, TRIES, lines_of, run_in

T = TypeVar("T")

TOOLS = "deploy/kafka-tools"
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
    :param value: as text, in which bytes that are no UTF-8 are lone surrogates (surrogateescape); None when it
        is empty, which on a compacted topic means deleted.
    """

    partition: int
    offset: int
    timestamp: int
    key: str | None
    value: str | None


class Broker:
    """The brokers of the cluster. A tool that fails is asked again.

    One tool runs at a time, whichever thread asks: the pod has not room for many.

    :raises Failure: no broker is ready, or there is no pod for the tools.
    """

    def __init__(self, target: Target) -> None:
        self.target = target
        self._lock = threading.RLock()
        self._begins: dict[str, Offsets] = {}
        self._require()

    def _require(self) -> None:
        labels = "--selector=strimzi.io/cluster=mandates,strimzi.io/broker-role=true"
        listed = self.target.get("pods", labels) or {"items": []}
        if not any(map(_serves, listed["items"])):
            raise Failure("no Kafka broker is ready", "Look at kubectl get kafka,pods, or run make up")

    def begins(self, topic: str) -> Offsets:
        """Return the first offset of each partition."""
        return self._offsets([topic], "earliest")[topic]

    def ends(self, topic: str) -> Offsets:
        """Return the offset after the last record of each partition."""
        return self._offsets([topic], "latest")[topic]

    def all_ends(self) -> tuple[Offsets, Offsets]:
        """Return the ends of the topic and of that of dead letters: one JVM starts for both."""
        found = self._offsets([TOPIC, DEAD_LETTERS], "latest")
        return found[TOPIC], found[DEAD_LETTERS]

    def _offsets(self, topics: list[str], time: str) -> dict[str, dict[int, int]]:
        # The tool takes a regular expression.
        named = shlex.quote("|".join(topics))
        try:
            text = self._run(f"kafka-get-offsets.sh --topic {named} --time {time}")
        except Failure as failure:
            if "Could not match any topic-partitions" not in str(failure):
                raise
            text = ""
        found: dict[str, dict[int, int]] = {topic: {} for topic in topics}
        for line in text.splitlines():
            topic, _, rest = line.partition(":")
            partition, _, offset = rest.partition(":")
            if topic in found and offset.isdigit():
                found[topic][int(partition)] = int(offset)
        if missing := [topic for topic, offsets in found.items() if not offsets]:
            raise Failure(f"there is no topic {missing[0]}", "Apply k8s/strimzi, or run make up")
        return found

    def is_empty(self, topic: str, ends: Offsets) -> bool:
        """Tell whether a topic that ends there has no record, also when records were deleted up to its end."""
        return not any(ends.values()) or self.begins(topic) == ends

    def stand(self, group: str, topic: str, ends: Offsets) -> dict[int, Stand]:
        """Return where a consumer group stands in each partition.

        :param ends: of all partitions, as seen before: for those of which the group knows nothing yet.
        """
        text = self._run(f"kafka-consumer-groups.sh --describe --group {group} --offsets")
        seen = stands_in(text, topic)
        new = [one for one, end in ends.items() if one not in seen and end > 0]
        begins = self.begins(topic) if new else {}
        return {one: seen.get(one) or Stand(begins.get(one, 0), end) for one, end in ends.items()}

    def groups(self) -> set[str]:
        """Return the names of all consumer groups that are known."""
        return set(self._run("kafka-consumer-groups.sh --list").split())

    def delete_group(self, group: str) -> str | None:
        """Delete a consumer group; return why it cannot be, such as a member that is still there."""
        command = f"kafka-consumer-groups.sh --delete --group {group} 2>&1"
        text = run_in(self.target, TOOLS, "sh", "-c", command)
        return None if "successful" in text else next(iter(text.strip().splitlines()[-1:]), "no answer")

    def now(self) -> int:
        """Return the time by the cluster's clock, in microseconds since 1970."""
        return int(self._run("date +%s")) * 1_000_000

    def read(self, topic: str, fold: Callable[[Iterable[Record]], T], ends: Offsets | None = None) -> T:
        """Read a topic from its beginning to where it ends now, and return what `fold` makes of its records.

        The last record of a partition is never compacted away, so the end is known when it has come.

        :param ends: where it ends, when that has just been asked.
        :raises Failure: not all could be read.
        """
        return self._again(lambda: fold(self._records(topic, self.ends(topic) if ends is None else ends)))

    def _records(self, topic: str, ends: Offsets) -> Iterator[Record]:
        known = self._begins.get(topic, {})
        missing = {partition for partition, end in ends.items() if end > known.get(partition, 0)}
        if not missing:
            return
        with self._consumed(topic, f"--timeout-ms {_IDLE_MS}", LONGEST) as records:
            for record in records:
                yield record
                if record.offset >= ends[record.partition] - 1:
                    missing.discard(record.partition)
                    if not missing:
                        return
        # Asked only now, when it has not come: records can also have been deleted by hand, up to the end.
        begins = self._begins[topic] = self.begins(topic)
        if all(begins[partition] >= ends[partition] for partition in missing):
            return
        raise Failure(f"partition {min(missing)} of {topic} could not be read to its end", "Run it again")

    def follow(self, topic: str) -> Generator[Record]:
        """Return the records of a topic from its beginning, and then each that comes, until the pod goes."""
        with self._consumed(topic, "", threading.TIMEOUT_MAX) as records:
            yield from records

    @contextmanager
    def _consumed(self, topic: str, words: str, longest: float) -> Iterator[Iterator[Record]]:
        """Read from the beginning, for the length of a block."""
        # Nobody can have written these marks into a record, to pass a part of it for another record.
        mark, null = secrets.token_hex(8), secrets.token_hex(8)
        shown = [*(f"print.{what}=true" for what in _PRINTED), f"line.separator={mark}\n"]
        shown += [f"key.separator={mark}", f"null.literal={null}"]
        reading = f"exec kafka-console-consumer.sh --topic {topic} --from-beginning {words} " + " ".join(
            f"--formatter-property {shlex.quote(one)}" for one in shown
        )
        with lines_of(self.target, TOOLS, f"({reading})", longest) as lines:
            yield records_in(lines, mark.encode(), null.encode())

    def write(self, topic: str, records: Iterable[tuple[str, str | None]]) -> None:
        """Append records, key and value of one line each; no value marks the key as deleted.

        They may be written twice.

        :raises Failure: Kafka did not acknowledge them.
        """
        lines = "".join(f"{key}\t{_NULL if value is None else value}\n" for key, value in records)
        command = (
            f"kafka-console-producer.sh --topic {topic} --sync --command-property acks=all "
            f"--reader-property parse.key=true --reader-property null.marker={_NULL} 2>&1"
        )

        def written() -> None:
            said = run_in(self.target, TOOLS, "sh", "-c", command, stdin=lines)
            if "ERROR" in said or "Exception" in said:
                why = f"Kafka did not take what was written to {topic}:\n    {said.strip()[:400]}"
                raise Failure(why, "Run it again")

        self._again(written)

    def _run(self, command: str) -> str:
        return self._again(lambda: run_in(self.target, TOOLS, "sh", "-c", command))

    def _again(self, attempt: Callable[[], T]) -> T:
        with self._lock:
            for _ in range(TRIES - 1):
                try:
                    return attempt()
                except Failure:
                    time.sleep(PAUSE)
                    self._require()
            return attempt()


def stands_in(text: str, topic: str) -> dict[int, Stand]:
    """Read the table of kafka-consumer-groups.sh --describe --offsets, without what has no position yet."""
    rows = [line.split() for line in text.splitlines()]
    return {
        int(row[2]): Stand(int(row[3]), int(row[4]))
        for row in rows
        if len(row) > 5 and row[1] == topic and row[3].isdigit() and row[4].isdigit()
    }


def records_in(lines: Iterable[bytes], mark: bytes, null: bytes) -> Iterator[Record]:
    """Read what the console consumer prints.

    :param mark: what stands between the fields of a record, and before the line break at its end.
    :param null: what stands for no key and no value.
    """
    end = mark + b"\n"
    parts: list[bytes] = []
    for line in lines:
        parts.append(line)
        if line.endswith(end):
            if (record := _record_in(b"".join(parts).removesuffix(end).split(mark), null)) is not None:
                yield record
            parts.clear()


def _record_in(fields: list[bytes], null: bytes) -> Record | None:
    if len(fields) != 5:
        return None
    timestamp, partition, offset = (field.partition(b":")[2] for field in fields[:3])
    if not (timestamp.isdigit() and partition.isdigit() and offset.isdigit()):
        return None
    key = None if fields[3] == null else fields[3].decode(errors="replace")
    value = None if fields[4] in (b"", null) else fields[4].decode(errors="surrogateescape")
    return Record(int(partition), int(offset), int(timestamp), key, value)


def _serves(pod: dict[str, object]) -> bool:
    match pod:
        case {"status": {"conditions": [*conditions]}}:
            return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
    return False
