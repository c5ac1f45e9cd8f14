"""A real broker for all tests of this folder, and a topic for each of them.

Skipped, with the reason, where a part is not there: README.md of parts says how they are found.
"""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from parts import found
from parts.iot import Platform
from parts.kafka import Kafka
from parts.redis import Redis


def missing(*, mariadb: bool = False) -> list[str]:
    return found.missing(mariadb=mariadb) + ([] if shutil.which("redis-server") else ["redis-server"])


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    if absent := missing():
        pytest.skip(f"needs {', '.join(absent)}")
    with Kafka(tmp_path_factory.mktemp("kafka")) as running:
        yield running


@pytest.fixture
def platform(broker: Kafka, tmp_path: Path) -> Iterator[Platform]:
    """Nothing runs yet but Redis; the topic for dead letters is not there yet."""
    with ExitStack() as running:
        store = running.enter_context(Redis(tmp_path / "redis"))
        yield Platform(broker, tmp_path, running, store)
