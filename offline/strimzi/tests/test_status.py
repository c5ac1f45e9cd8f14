from __future__ import annotations

from datetime import UTC, datetime

from strimzi_double.resource import Refusal
from strimzi_double.status import READY, not_ready, ready_false, status_patch

from .resources import topic

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
LATER = datetime(2026, 1, 1, 13, tzinfo=UTC)


def test_a_condition_keeps_its_time_until_it_changes() -> None:
    resource = topic()
    resource |= status_patch(resource, {"conditions": [READY], "observedGeneration": 1}, NOON)
    since = "2026-01-01T12:00:00.000000Z"
    assert resource["status"]["conditions"] == [{"lastTransitionTime": since, **READY}]
    assert status_patch(resource, {"conditions": [READY]}, LATER) == {}

    failed = ready_false(Refusal("NotSupported", "no"))
    (condition,) = status_patch(resource, {"conditions": [failed]}, LATER)["status"]["conditions"]
    assert condition["lastTransitionTime"] == "2026-01-01T13:00:00.000000Z"


def test_only_what_changed_is_written_and_none_removes() -> None:
    resource = {**topic(), "status": {"topicName": "t", "observedGeneration": 1}}
    told = {"topicName": None, "topicId": None, "observedGeneration": 1}
    assert status_patch(resource, told) == {"status": {"topicName": None}}


def test_topics_fail_otherwise_than_the_rest() -> None:
    refusal = Refusal("R", "m")
    assert (ready_false(refusal)["type"], ready_false(refusal)["status"]) == ("Ready", "False")
    assert (not_ready(refusal)["type"], not_ready(refusal)["status"]) == ("NotReady", "True")
