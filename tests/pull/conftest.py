"""What the machines of the tests have in reach."""

from collections.abc import Iterator

import pytest

from cluster import host
from offline.scheduler import build

from .machine import Machine
from .new import new_machine
from .registries import registries


@pytest.fixture(scope="session")
def upstream() -> None:
    """Registries and charts, filled with what this machine has built."""
    host.install({"curl": "curl", "iptables": "iptables"})
    build([registries], workers=2)


@pytest.fixture(scope="module")
def machine(request: pytest.FixtureRequest, upstream: None) -> Iterator[Machine]:  # noqa: ARG001  it must be there
    """A new one, with the engine that a test names by its parameter, and with a client of Docker's or without."""
    engine, client = request.param
    with new_machine(engine, client=client) as made:
        yield made
