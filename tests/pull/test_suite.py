"""The whole end-to-end suite on the way with image registries."""

import pytest

from .new import new_machine


@pytest.mark.long
def test_the_end_to_end_suite_passes(upstream: None) -> None:  # noqa: ARG001  it must be there
    with new_machine("podman", client=False) as machine:
        machine.run("IMAGES=pull make e2e")
