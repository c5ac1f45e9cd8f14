"""What the machines of the tests have in reach."""

import pytest

from cluster import host
from offline.scheduler import build

from .registries import registries


@pytest.fixture(scope="session")
def upstream() -> None:
    """Registries and charts, filled with what this machine has built."""
    host.install({"curl": "curl", "iptables": "iptables"})
    build([registries], workers=2)
