import json
from pathlib import Path
from typing import cast

import pytest

from cluster.failure import Failure
from cluster.target import Target
from operate import follow
from operate.broker import Broker, Stand

from .programs import Programs

FULL = {"level": "warning", "message": "mandates could not be stored", "reason": "OOM: the store is full"}
LOG = f"""case "$*" in
*" logs deployment/iot-rebuild "*) echo '{json.dumps(FULL)}'; echo '{{"message": "later"}}'; echo no JSON ;;
*" logs "*) echo '{{"message": "listening"}}' ;;
esac
"""


class Stuck:
    """A topic of 20 records, of which a group has read half and reads no more."""

    def __init__(self, target: Target) -> None:
        self.target = target

    def ends(self, _: str) -> dict[int, int]:
        return {0: 20}

    def stand(self, *_: object) -> dict[int, Stand]:
        return {0: Stand(10, 20)}


def test_a_reader_that_stands_still_is_named_with_its_reason(
    programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "PATIENCE", 0.1)
    monkeypatch.setattr(follow, "PAUSE", 0.01)
    programs.add("kubectl", LOG)
    with pytest.raises(Failure) as failed:
        follow.follow(cast(Broker, Stuck(Target("test", Path("/nowhere")))), "iot-green")
    assert "group iot-green has not come forward for 0 s, at 10 of partition 0, which ends at 20" in str(failed.value)
    assert "iot-rebuild says: OOM: the store is full" in str(failed.value)
    assert "iot says" not in str(failed.value)
