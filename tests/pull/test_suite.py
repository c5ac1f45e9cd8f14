"""The whole end-to-end suite on the way with image registries."""

import pytest

from .machine import Machine


@pytest.mark.long
@pytest.mark.parametrize("machine", [("podman", False)], indirect=True, ids=["podman"])
def test_the_end_to_end_suite_passes(machine: Machine) -> None:
    machine.run("IMAGES=pull make e2e")
