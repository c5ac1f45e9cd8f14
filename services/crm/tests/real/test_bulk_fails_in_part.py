"""One partition without a leader holds back its own connections, and no others."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from parts.changes import Changes
from parts.kafka import PARTITIONS, Kafka
from parts.process import until
from parts.stack import Stack
from parts.topic import histories


@pytest.fixture
def second(broker: Kafka, tmp_path: Path) -> Iterator[Kafka]:
    with Kafka(tmp_path / "second", broker) as running:
        yield running


def test_a_partition_without_a_leader(broker: Kafka, second: Kafka, tmp_path: Path) -> None:
    with ExitStack() as running:
        stack = Stack(broker, tmp_path, running, nodes=[second.id] + [broker.id] * (PARTITIONS - 1))
        crm, _ = stack.add("crm")
        changes = Changes([crm.url], connections=40, clients=8)
        stack.must_have_told(changes)
        homes = {record.key: record.partition for record in stack.records()}
        assert set(homes.values()) == set(range(PARTITIONS))
        second.kill()
        changes.make(400)
        others = {key: levels for key, levels in changes.told.items() if homes.get(key, 0) != 0}

        def others_told() -> bool:
            told = histories(stack.records(without={0}))
            return all(told.get(key) == levels for key, levels in others.items())

        until(others_told, "the other partitions have all of theirs", 60)
        second.begin()
        stack.must_have_told(changes)
