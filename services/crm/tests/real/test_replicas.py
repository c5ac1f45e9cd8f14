"""Two replicas on one MariaDB: one relays at a time. test_one_relay.py shows what happens when it dies."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from pair import Pair

from parts import found
from parts.kafka import Kafka

HAND_OVER = 3.0


@pytest.fixture
def pair(broker: Kafka, tmp_path: Path) -> Iterator[Pair]:
    if absent := found.missing(mariadb=True):
        pytest.skip(f"needs {', '.join(absent)}")
    with ExitStack() as running:
        yield Pair(broker, tmp_path, running)


def test_both_at_once_tell_everything_once(pair: Pair) -> None:
    pair.changes.make(400)
    pair.stack.must_have_told(pair.changes)
    assert pair.stack.count() == sum(map(len, pair.changes.told.values()))
    for replica in (pair.first, pair.second):
        pair.changes.confirm(replica.url)


def test_one_that_is_told_to_stop_hands_over_at_once(pair: Pair) -> None:
    with pair.changes.going_on():
        pair.relays(100)
        assert pair.first.stop() == 0
        stopped = time.monotonic()
        pair.relays(50)
        assert time.monotonic() - stopped < HAND_OVER
    pair.stack.must_have_told(pair.changes)
