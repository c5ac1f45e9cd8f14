"""The passwords of Kafka's users are changed under load, as docs/operations.md says, and nothing is lost."""

from pathlib import Path

from changing import all_visible, changing
from cluster.target import Target
from document import steps
from offline.versions import ROOT
from polling import poll_until
from shell import shell

USERS = ("crm", "iot")


def passwords(target: Target) -> dict[str, str]:
    found = {name: target.get("secret", name) for name in USERS}
    return {name: secret["data"]["password"] for name, secret in found.items() if secret}


def loaded(target: Target, name: str) -> int:
    """How often the sidecar of a service has loaded the component with the password."""
    said = target.output(*target.words("logs", f"deployment/{name}", "--container=daprd")) or ""
    return said.count(f"Component loaded: {name}-pubsub")


def test_new_passwords_are_taken_while_everything_goes_on(target: Target, tmp_path: Path) -> None:
    before, loads = passwords(target), {name: loaded(target, name) for name in USERS}
    assert before.keys() == set(USERS)
    commands = [step.command for step in steps(ROOT / "docs" / "operations.md", "Passwords")]
    assert any("delete secret" in command for command in commands)
    with shell(target, tmp_path) as operator, changing(target, "rotated") as accepted:
        for command in commands:
            operator.run(command)
        after = passwords(target)
        assert all(after[name] != before[name] for name in USERS)
        for name in USERS:
            poll_until(
                lambda name=name: loaded(target, name) > loads[name],  # type: ignore[misc]
                f"the sidecar of {name} has taken the new password",
                seconds=90,
                every=1,
            )
        seen = dict(accepted)
        poll_until(lambda: accepted != seen, "changes go on", seconds=20)
    all_visible(target, accepted)
