from __future__ import annotations

from collections.abc import Iterator

import pytest

from .broker import Broker, running_broker


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """One broker for the session; tests use topics and users of their own."""
    folder = tmp_path_factory.mktemp("broker", numbered=True)
    with running_broker(folder) as running:
        yield running
