"""The topic alone rebuilds the read model, also once the broker has compacted it (promise 5)."""

from events import record

from parts.iot import Platform
from parts.kafka import PARTITIONS
from parts.process import until
from parts.topic import Topic

CONNECTIONS, CHANGES = 50, 40


def test_a_compacted_topic_rebuilds_the_read_model(platform: Platform) -> None:
    quick = {"segment.bytes": "1048576", "segment.ms": "200", "max.compaction.lag.ms": "200"}
    platform.broker.configure_topic(platform.topic, quick | {"min.cleanable.dirty.ratio": "0.0"})
    last = {f"c-{number}": str(number % 3) for number in range(CONNECTIONS)}
    for turn in range(CHANGES):
        said = {id_: level if turn == CHANGES - 1 else str(turn % 3) for id_, level in last.items()}
        platform.put(record(id_, level, str(turn)) for id_, level in said.items())
    topic = Topic(platform.broker.address, platform.topic)

    def compacted() -> bool:
        # A segment is closed by the next record of its partition, and only closed ones are compacted.
        for partition in range(PARTITIONS):
            platform.put([record("later", "1", "1")], partition)
        return sum(each.key != "later" for each in topic.records()) == CONNECTIONS

    until(compacted, "of each connection the broker keeps the last event alone", 60, every=0.5)
    replica = platform.add("a")
    until(lambda: {id_: replica.iot.level(id_) for id_ in last} == last, "all are as they were last told")
