"""Conditions, and how a status replaces the one before it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from .resource import Refusal, Resource


def condition(kind: str, *, status: bool = True, reason: str | None = None, message: str | None = None) -> Resource:
    """One entry of status.conditions, still without its lastTransitionTime."""
    told = {"reason": reason, "message": message}
    return {
        "type": kind,
        "status": "True" if status else "False",
        **{key: value for key, value in told.items() if value is not None},
    }


READY = condition("Ready")
PAUSED = condition("ReconciliationPaused")
UNMANAGED = condition("Unmanaged")


def not_ready(refusal: Refusal) -> Resource:
    """How Kafka, KafkaNodePool and KafkaUser fail."""
    return condition("NotReady", reason=refusal.reason, message=refusal.message)


def ready_false(refusal: Refusal) -> Resource:
    """How KafkaTopic fails."""
    return condition("Ready", status=False, reason=refusal.reason, message=refusal.message)


def status_patch(resource: Resource, status: Resource, now: datetime | None = None) -> Resource:
    """The merge patch from the resource's status to `status`; {} when they say the same.

    A field that `status` gives as None is removed. A condition that was there already keeps
    its lastTransitionTime, so that nothing is written when nothing changed.
    """
    current: Resource = resource.get("status", {})
    stamp = (now or datetime.now(UTC)).isoformat(timespec="microseconds").replace("+00:00", "Z")
    wanted = dict(status)
    if wanted.get("conditions"):
        wanted["conditions"] = _dated(wanted["conditions"], current.get("conditions", []), stamp)
    changed = {key: value for key, value in wanted.items() if current.get(key) != value}
    return {"status": changed} if changed else {}


def _dated(conditions: Sequence[Resource], before: Sequence[Resource], stamp: str) -> list[Resource]:
    def undated(entry: Resource) -> Resource:
        return {key: value for key, value in entry.items() if key != "lastTransitionTime"}

    def since(entry: Resource) -> str:
        same = (old.get("lastTransitionTime") for old in before if undated(old) == entry)
        return next((time for time in same if time), stamp)

    return [{"lastTransitionTime": since(entry), **entry} for entry in conditions]
