"""Replicas of IoT share the partitions, and whatever happens to one of them, nothing is lost."""

from collections.abc import Iterator

import pytest
from kubernetes import client

from changing import all_visible, changing
from cluster.services import forwarded
from cluster.target import NAMESPACE, Target
from curl import Service
from kafkatools import ask
from operate.readmodel import live
from polling import poll_until

IOT = "app.kubernetes.io/instance=iot"


@pytest.fixture(autouse=True)
def _one_afterwards(api: client.ApiClient) -> Iterator[None]:
    yield
    scale(api, 1)


def scale(api: client.ApiClient, replicas: int) -> None:
    client.AppsV1Api(api).patch_namespaced_deployment_scale("iot", NAMESPACE, {"spec": {"replicas": replicas}})


def pods(core: client.CoreV1Api) -> dict[str, str]:
    """IoT's ready pods: address -> name."""
    listed = core.list_namespaced_pod(NAMESPACE, label_selector=IOT).items
    return {
        one.status.pod_ip: one.metadata.name
        for one in listed
        if not one.metadata.deletion_timestamp
        and any(each.type == "Ready" and each.status == "True" for each in one.status.conditions or [])
    }


def shares(target: Target) -> dict[str, int]:
    """How many partitions each member of the consumer group has: its pod's address -> count."""
    group = live(target).read_model.app_id
    command = f"kafka-consumer-groups.sh --describe --members --group {group}"
    rows = [line.split() for line in ask(target, command).splitlines()]
    return {row[2].strip("/"): int(row[4]) for row in rows if row[:1] == [group]}


def until_shared(target: Target, core: client.CoreV1Api, expected: list[int]) -> dict[str, int]:
    """Wait until IoT's pods, and no other members, have so many partitions each."""

    def look() -> dict[str, int]:
        seen = shares(target)
        assert seen.keys() == pods(core).keys(), (seen, pods(core))
        assert sorted(seen.values()) == expected, seen
        return seen

    return poll_until(look, f"partitions are shared as {expected}", seconds=60)


def test_replicas_share_the_partitions_and_a_fifth_stands_by(
    target: Target, api: client.ApiClient, core: client.CoreV1Api
) -> None:
    with changing(target, "scaled") as accepted:
        scale(api, 2)
        until_shared(target, core, [2, 2])
        scale(api, 5)
        members = until_shared(target, core, [0, 1, 1, 1, 1])
        idle = pods(core)[next(address for address, count in members.items() if count == 0)]
        with forwarded(target, f"pod/{idle}", 3008) as port:
            assert Service(port).curl("/readyz").status == 200
            assert Service(port).curl("?connectionId=7733").status == 200
        scale(api, 4)
        until_shared(target, core, [1, 1, 1, 1])
        scale(api, 1)
        until_shared(target, core, [4])
    all_visible(target, accepted)


def test_nothing_is_lost_with_a_replica_that_is_killed(
    target: Target, api: client.ApiClient, core: client.CoreV1Api
) -> None:
    scale(api, 2)
    members = until_shared(target, core, [2, 2])
    with changing(target, "killed") as accepted:
        victim = pods(core)[min(members)]
        # Without grace: killed, as by a node that dies.
        core.delete_namespaced_pod(victim, NAMESPACE, grace_period_seconds=0)
        poll_until(lambda: victim not in pods(core).values(), "the pod is gone", seconds=30)
        # The group waits for the dead member until its session is over, then the rest takes over.
        until_shared(target, core, [2, 2])
    all_visible(target, accepted)
