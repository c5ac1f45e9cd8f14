"""All that is on a topic, and what must be true of it."""

import json
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from parts.process import until

_FOR_NOW = {
    KafkaError._DESTROY_BROKER,
    KafkaError._UNKNOWN_PARTITION,
    KafkaError._TRANSPORT,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.NOT_LEADER_FOR_PARTITION,
}
"""Answers of a moment: the client is just learning nodes and partitions anew, or the broker, which was
silent for so long that it was taken for gone, does not lead its partitions again yet."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record: where it is, when it came (ms since 1970), its key, and its value, a CloudEvent."""

    partition: int
    offset: int
    timestamp: int
    key: str
    value: bytes

    @property
    def event(self) -> Any:
        """The value as JSON."""
        return json.loads(self.value)

    @property
    def level(self) -> str:
        """The level that it tells."""
        return str(self.event["data"]["connectionMandate"])


class Topic:
    """A topic to look at, from the first record to the last, as often as one likes."""

    def __init__(self, address: str, name: str) -> None:
        """`address` is the broker's, which must be there."""
        self.name = name
        self._reader = Consumer(
            {
                "bootstrap.servers": address,
                "group.id": "parts",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "log_level": 0,
            }
        )
        partitions = self._reader.list_topics(name, 30).topics[name].partitions
        self._beginning = [TopicPartition(name, partition, 0) for partition in partitions]

    def count(self) -> int:
        """How many records the topic has got, without reading them."""
        return sum(until(self._ends, f"the ends of topic {self.name}") or ())

    def records(self, without: Collection[int] = ()) -> list[Record]:
        """What is on the topic now, by partition and offset, but for some partitions.

        AssertionError when a partition cannot be read for half a minute.
        """
        found: list[Record] = []
        wanted = [partition for partition in self._beginning if partition.partition not in without]
        self._reader.assign(wanted)
        left = {partition.partition for partition in wanted}
        deadline = time.monotonic() + 30
        while left:
            if time.monotonic() > deadline:
                raise AssertionError(f"partitions {left} of topic {self.name} cannot be read")
            for message in self._reader.consume(10_000, 1):
                if (error := message.error()) is None:
                    found.append(_record(message))
                elif error.code() == KafkaError._PARTITION_EOF:
                    left.discard(message.partition())
                elif not error.retriable():
                    raise AssertionError(f"topic {self.name}: {error.str()}")
        self._reader.unassign()
        return sorted(found, key=lambda record: (record.partition, record.offset))

    def _ends(self) -> list[int] | None:
        try:
            return [self._reader.get_watermark_offsets(partition, 10)[1] for partition in self._beginning]
        except KafkaException as error:
            if error.args[0].code() not in _FOR_NOW:
                raise
            return None


def _record(message: Message) -> Record:
    partition, offset = message.partition(), message.offset()
    if partition is None or offset is None:
        raise AssertionError("a record that is nowhere")
    return Record(partition, offset, message.timestamp()[1], (message.key() or b"").decode(), message.value() or b"")


def last_levels(found: Iterable[Record]) -> dict[str, str]:
    """The level that the last record of each connection tells: what a reader of it all ends with."""
    return {record.key: record.level for record in found}


def histories(found: Sequence[Record]) -> Mapping[str, list[str]]:
    """The levels of each connection in the order of the topic, each event once.

    AssertionError when one is not where a reader expects it: a key on two partitions, an older
    event behind a newer one, or one id for two events.
    """
    homes: dict[str, int] = {}
    newest: dict[str, tuple[int, str]] = {}
    owners: dict[str, tuple[str, int]] = {}
    levels: defaultdict[str, list[str]] = defaultdict(list)
    for record in found:
        event, key = record.event, record.key
        sequence, id_ = int(event["sequence"]), event["id"]
        before = newest.get(key)
        wrong = {
            "has another key": event["subject"] != key or event["data"]["connectionId"] != key,
            "is on a second partition": homes.setdefault(key, record.partition) != record.partition,
            f"is older than {before}": before is not None and sequence < before[0],
            "shares its id with another event": owners.setdefault(id_, (key, sequence)) != (key, sequence),
        }
        if any(wrong.values()):
            what = ", ".join(text for text, so in wrong.items() if so)
            raise AssertionError(f"{key} at {record.partition}:{record.offset} {what}: {event}")
        if before != (sequence, id_):
            levels[key].append(record.level)
        newest[key] = sequence, id_
    return levels
