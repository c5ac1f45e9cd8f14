"""Promise 1: Kafka being down never makes CRM refuse, and every event follows, in order per connection."""

import time

from parts.changes import Changes
from parts.process import until
from parts.stack import Stack

OUTAGE = 30.0


def test_what_is_accepted_while_the_broker_is_away_follows_in_order(stack: Stack) -> None:
    crm, _ = stack.add("crm")
    changes = Changes([crm.url], connections=50, clients=8)
    with changes.going_on():
        until(lambda: changes.accepted > 200, "changes under way")
        # For half of the time nobody answers, then nobody is there.
        stack.broker.pause()
        time.sleep(OUTAGE / 2)  # how long it is away is what is tested
        stack.broker.kill()
        time.sleep(OUTAGE / 2)
        before = changes.accepted
        stack.broker.begin()
        until(lambda: changes.accepted > before + 200, "changes after the outage")
    assert changes.unanswered == 0
    assert changes.slowest < 2
    stack.must_have_told(changes)
    changes.confirm(crm.url)


def test_the_last_event_of_each_of_500_connections_is_what_crm_has_though_the_broker_died_twice(stack: Stack) -> None:
    crm, _ = stack.add("crm")
    changes = Changes([crm.url], connections=500, clients=16)
    with changes.going_on():
        for part in (1, 2):
            until(lambda part=part: changes.accepted > part * 1500, "changes under way")  # type: ignore[misc]
            stack.broker.kill()
            stack.broker.begin()
        until(lambda: changes.accepted >= 5000, "5,000 changes")
    stack.must_have_told(changes)
    changes.confirm(crm.url)
