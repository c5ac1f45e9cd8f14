"""A sidecar that dies takes nothing with it."""

from parts.changes import Changes
from parts.process import until
from parts.stack import Stack


def test_a_sidecar_that_is_killed_in_mid_batch(stack: Stack) -> None:
    crm, sidecar = stack.add("crm")
    changes = Changes([crm.url], connections=50, clients=8)
    with changes.going_on():
        for _ in range(2):
            due = stack.count() + 100
            until(lambda due=due: stack.count() > due, "events flow")  # type: ignore[misc]
            sidecar.kill()
            sidecar.begin()
    assert changes.unanswered == 0
    stack.must_have_told(changes)
