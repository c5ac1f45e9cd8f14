"""A registry that delivers slowly: what waits for its images waits long enough."""

import pytest

from . import life
from .machine import Machine

# With it, an image of 300 MB takes ten minutes of them all.
BYTES_A_SECOND = "1500kb/s"

pytestmark = pytest.mark.parametrize("machine", [("podman", False)], indirect=True, ids=["podman"], scope="module")


@pytest.mark.long
def test_up_waits_for_a_slow_registry(machine: Machine) -> None:
    # The node comes quickly: it is no test of patience with the engine's own pull.
    machine.run("podman pull $(sed -n 's/^node = \"\\(kindest.*\\)\"/docker.io\\/\\1/p' versions.toml)")
    machine.namespace.slow_down(BYTES_A_SECOND)
    life.up(machine)
