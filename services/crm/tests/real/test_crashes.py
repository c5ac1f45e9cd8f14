"""What was accepted is published, in order, whoever dies in between."""

from pathlib import Path

from parts.changes import Changes
from parts.process import until
from parts.stack import Stack


def test_a_sidecar_that_is_killed_in_mid_batch(stack: Stack) -> None:
    crm, sidecar = stack.add("crm")
    changes = Changes([crm.url], connections=50, clients=8)
    with changes.going_on():
        for _ in range(2):
            before = stack.count()
            until(lambda before=before: stack.count() > before + 100, "events flow")  # type: ignore[misc]
            sidecar.kill()
            sidecar.begin()
    assert changes.unanswered == 0
    stack.must_have_told(changes)


def test_crm_that_is_killed_between_commit_and_publish(stack: Stack, tmp_path: Path) -> None:
    crm, sidecar = stack.add("crm", {"CRM_DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path}/crm.db"})
    changes = Changes([crm.url], connections=50, clients=8)
    until(lambda: stack.count() >= 50, "the new customers are announced")
    # Committed without being published: the sidecar does not answer.
    sidecar.pause()
    changes.make(200)
    crm.kill()
    sidecar.resume()
    crm.begin()
    stack.must_have_told(changes)


def test_crm_that_is_killed_again_and_again(stack: Stack, tmp_path: Path) -> None:
    crm, _ = stack.add("crm", {"CRM_DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path}/crm.db"})
    changes = Changes([crm.url], connections=50, clients=8)
    with changes.going_on():
        for _ in range(2):
            before = changes.accepted
            until(lambda before=before: changes.accepted > before + 100, "changes under way")  # type: ignore[misc]
            crm.kill()
            crm.begin()
    assert changes.unanswered > 0
    stack.must_have_told(changes)
