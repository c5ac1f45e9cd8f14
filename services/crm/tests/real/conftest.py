"""A real broker for all tests of this folder, and a topic for each of them.

Skipped, with the reason, where a part is not there: README.md of parts says how they are found.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from parts import found
from parts.kafka import Kafka
from parts.stack import Stack


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    if absent := found.missing():
        pytest.skip(f"needs {', '.join(absent)}")
    with Kafka(tmp_path_factory.mktemp("kafka")) as running:
        yield running


@pytest.fixture
def stack(broker: Kafka, tmp_path: Path) -> Iterator[Stack]:
    with ExitStack() as running:
        yield Stack(broker, tmp_path, running)
