"""A cluster's life on Podman, with no program `docker`, which kind, Skaffold and others would call; and on Docker."""

import pytest

from . import life
from .machine import Machine

MACHINES = {"podman": ("podman", False), "docker": ("docker", True)}
pytestmark = pytest.mark.parametrize("machine", MACHINES.values(), indirect=True, ids=MACHINES, scope="module")


def test_without_a_registry_the_reason_is_told(machine: Machine) -> None:
    life.without_a_registry(machine)


def test_up_ends_with_the_answer(machine: Machine) -> None:
    life.up(machine)


def test_the_verbs_find_the_cluster(machine: Machine) -> None:
    life.verbs(machine)


def test_an_edit_runs_on_the_cluster(machine: Machine) -> None:
    life.dev(machine)


def test_a_cluster_outlives_its_registry(machine: Machine) -> None:
    life.without_its_registry(machine)


def test_down_leaves_no_container(machine: Machine) -> None:
    life.down(machine)


def test_clean_leaves_nothing(machine: Machine) -> None:
    life.clean(machine)
