"""What was accepted is published, in order, when CRM dies or sleeps while it has the right to publish.

Whoever comes next waits until the lease has run out, so these scenarios run side by side.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from pair import Pair

from parts import found
from parts.changes import Changes
from parts.client import Client
from parts.kafka import Kafka
from parts.mariadb import MariaDb
from parts.process import until
from parts.stack import Stack
from parts.topic import Record, last_levels

TAKE_OVER = 120.0
"""Seconds by which somebody else must publish: a lease, and then some."""

LEASE = 10.0
SHORT = {"CRM_LEASE_SECONDS": str(LEASE)}
"""A lease in all of these but one, which shows what it is by default."""

SILENCE = LEASE + 10

PACE = 0.1


def crm_is_killed_between_commit_and_publish(broker: Kafka, folder: Path, running: ExitStack) -> None:
    stack = Stack(broker, folder, running)
    crm, sidecar = stack.add("crm", {"CRM_DATABASE_URL": f"sqlite:///{folder}/crm.db", **SHORT})
    changes = Changes([crm.url], connections=50, clients=8)
    stack.relayed(50)
    # Committed without being published: the sidecar does not answer.
    sidecar.pause()
    changes.make(200)
    crm.kill()
    sidecar.resume()
    crm.begin()
    changes.make(100)
    stack.must_have_told(changes, TAKE_OVER)


def crm_is_killed_again_and_again_under_changes(broker: Kafka, folder: Path, running: ExitStack) -> None:
    stack = Stack(broker, folder, running)
    crm, _ = stack.add("crm", {"CRM_DATABASE_URL": f"sqlite:///{folder}/crm.db", **SHORT})
    changes = Changes([crm.url], connections=50, clients=8, pace=PACE)
    with changes.going_on():
        for part in (1, 2):
            until(lambda part=part: changes.accepted > part * 100, "changes under way")  # type: ignore[misc]
            crm.kill()
            crm.begin()
    assert changes.unanswered > 0
    stack.must_have_told(changes, TAKE_OVER)


def one_of_two_is_killed(broker: Kafka, folder: Path, running: ExitStack) -> None:
    pair = Pair(broker, folder, running, PACE)
    with pair.changes.going_on():
        pair.relays(100)
        pair.first.kill()
        pair.relays(100, TAKE_OVER)
    pair.stack.must_have_told(pair.changes)
    pair.changes.confirm(pair.second.url)


def one_of_two_sleeps_through_its_lease(broker: Kafka, folder: Path, running: ExitStack) -> None:
    pair = Pair(broker, folder, running, PACE, SHORT)
    with pair.changes.going_on():
        pair.relays(100)
        pair.first.pause()
        pair.relays(100, TAKE_OVER)
        pair.first.resume()
        pair.relays(100)
    # By the one that slept: its transaction was cut off, whole, so that the other could go on.
    assert [answer for answer in pair.changes.refused if not answer.startswith("503 ")] == []
    pair.changes.refused.clear()
    # What it had in its hands it tells again, for it cannot know that this went out in time.
    pair.stack.must_have_told(pair.changes, again=True)


def one_of_two_freezes_with_its_sidecar(broker: Kafka, folder: Path, running: ExitStack) -> None:
    """As its node does. What the sidecar was asked for it does when it wakes, behind all that is newer."""
    stack = Stack(broker, folder, running)
    both = {"CRM_DATABASE_URL": running.enter_context(MariaDb(folder / "mariadb")).url, **SHORT}
    first, sidecar = stack.add("first", both)
    with Client([first.url], 0) as client:
        customers = {name: client.create(name, "0") for name in ("a", "b", "c")}
        stack.relayed(3)
        sidecar.pause()
        for name, id_ in customers.items():
            client.change(id_, (name, "1"))
    until(lambda: relaying(first.url), "the first one publishes")
    second, _ = stack.add("second", both)
    first.pause()
    with Client([second.url], 0) as client:
        for name, id_ in customers.items():
            client.change(id_, (name, "2"))
    stack.relayed(9, TAKE_OVER)
    sidecar.resume()
    until(lambda: not newest_are_last(stack.records()), "an older record behind a newer one")
    first.resume()
    until(lambda: newest_are_last(stack.records()), "the last record of each connection is its newest")
    assert last_levels(stack.records()) == dict.fromkeys(customers, "2")


def newest_are_last(found: Sequence[Record]) -> bool:
    """Whether compaction leaves of each connection what was told of it last."""
    sequences: dict[str, list[int]] = {}
    for record in found:
        sequences.setdefault(record.key, []).append(int(record.event["sequence"]))
    return all(each[-1] == max(each) for each in sequences.values())


def a_broker_is_silent_for_longer_than_a_lease_lasts(_: Kafka, folder: Path, running: ExitStack) -> None:
    broker = running.enter_context(Kafka(folder / "kafka"))  # the others need theirs
    pair = Pair(broker, folder, running, PACE, SHORT)
    with pair.changes.going_on():
        pair.relays(100)
        relays = [relaying(replica.url) for replica in (pair.first, pair.second)]
        assert sorted(relays) == [False, True]
        broker.pause()
        time.sleep(SILENCE)  # how long it is silent is what is tested
        assert [relaying(replica.url) for replica in (pair.first, pair.second)] == relays
        broker.resume()
        pair.relays(100, TAKE_OVER)
    # It was asked once for what it then took its time for.
    assert "will try again" not in pair.first.said() + pair.second.said()
    pair.stack.must_have_told(pair.changes)


def relaying(url: str) -> bool:
    """Whether the CRM at `url` is the one that publishes."""
    return "crm_relay_active 1.0" in httpx.get(f"{url}/metrics").text.splitlines()


Scenario = Callable[[Kafka, Path, ExitStack], None]
SCENARIOS: list[Scenario] = [
    crm_is_killed_between_commit_and_publish,
    crm_is_killed_again_and_again_under_changes,
    one_of_two_is_killed,
    one_of_two_sleeps_through_its_lease,
    one_of_two_freezes_with_its_sidecar,
    a_broker_is_silent_for_longer_than_a_lease_lasts,
]


@pytest.fixture(scope="module")
def under_way(broker: Kafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[None]]]:
    if absent := found.missing(mariadb=True):
        pytest.skip(f"needs {', '.join(absent)}")

    def run(scenario: Scenario, folder: Path) -> None:
        with ExitStack() as running:
            scenario(broker, folder, running)

    with ThreadPoolExecutor(len(SCENARIOS)) as pool:
        yield {each.__name__: pool.submit(run, each, tmp_path_factory.mktemp("lease")) for each in SCENARIOS}


@pytest.mark.parametrize("scenario", [each.__name__ for each in SCENARIOS])
def test_nothing_is_lost_or_out_of_order_when(scenario: str, under_way: dict[str, Future[None]]) -> None:
    under_way[scenario].result()
