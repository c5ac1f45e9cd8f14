"""Podman beside a client of Docker's that has no engine: nothing takes the one for the other."""

from collections.abc import Iterator

import pytest

from . import life
from .machine import Machine
from .new import new_machine


@pytest.fixture(scope="module")
def machine(upstream: None) -> Iterator[Machine]:  # noqa: ARG001  it must be there
    with new_machine("podman", client=True) as made:
        yield made


def test_up_ends_with_the_answer(machine: Machine) -> None:
    life.up(machine)


def test_clean_deletes_the_cluster_too_and_leaves_nothing(machine: Machine) -> None:
    life.clean(machine)
