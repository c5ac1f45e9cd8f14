"""Podman beside a client of Docker's that has no engine: nothing takes the one for the other."""

import pytest

from . import life
from .machine import Machine

pytestmark = pytest.mark.parametrize("machine", [("podman", True)], indirect=True, ids=["podman"], scope="module")


def test_up_ends_with_the_answer(machine: Machine) -> None:
    life.up(machine)


def test_clean_deletes_the_cluster_too_and_leaves_nothing(machine: Machine) -> None:
    life.clean(machine)
