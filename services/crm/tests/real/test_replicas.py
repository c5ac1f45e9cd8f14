"""Two replicas of CRM on one MariaDB: one relays at a time, and no hand-over turns events round."""

import time

import pytest

from parts.changes import Changes
from parts.mariadb import MariaDb
from parts.process import until
from parts.stack import Stack

TAKE_OVER = 120.0
"""Seconds that the lease of a relay that died may keep the others from publishing, and then some."""


class Pair:
    """Both replicas; the first one has begun to relay."""

    def __init__(self, stack: Stack, mariadb: MariaDb) -> None:
        self.first, _ = stack.add("first", {"CRM_DATABASE_URL": mariadb.url})
        self.second, _ = stack.add("second", {"CRM_DATABASE_URL": mariadb.url})
        self.changes = Changes([self.first.url, self.second.url], connections=50, clients=8)
        self._stack = stack
        until(lambda: stack.count() >= 50, "the new customers are announced")

    def relayed(self, more: int, seconds: float = 20) -> None:
        """Wait until so many more records are on the topic."""
        due = self._stack.count() + more
        until(lambda: self._stack.count() >= due, f"{more} more events are relayed", seconds)


@pytest.fixture
def pair(stack: Stack, mariadb: MariaDb) -> Pair:
    return Pair(stack, mariadb)


def test_one_that_is_killed_leaves_all_to_the_other(stack: Stack, pair: Pair) -> None:
    with pair.changes.going_on():
        pair.relayed(100)
        pair.first.kill()
        pair.relayed(200, TAKE_OVER)
    stack.must_have_told(pair.changes)
    pair.changes.confirm(pair.second.url)


def test_one_that_slept_through_its_lease_puts_nothing_old_behind_what_is_new(stack: Stack, pair: Pair) -> None:
    with pair.changes.going_on():
        pair.relayed(100)
        pair.first.pause()
        pair.relayed(200, TAKE_OVER)
        pair.first.resume()
        pair.relayed(100)
    stack.must_have_told(pair.changes)


def test_one_that_is_told_to_stop_hands_over_at_once(stack: Stack, pair: Pair) -> None:
    with pair.changes.going_on():
        pair.relayed(100)
        assert pair.first.stop() == 0
        stopped = time.monotonic()
        pair.relayed(100)
        assert time.monotonic() - stopped < 3
    stack.must_have_told(pair.changes)


def test_both_at_once_tell_everything_once(stack: Stack, pair: Pair) -> None:
    pair.changes.make(400)
    stack.must_have_told(pair.changes)
    assert stack.count() == sum(map(len, pair.changes.told.values()))
    for replica in (pair.first, pair.second):
        pair.changes.confirm(replica.url)
