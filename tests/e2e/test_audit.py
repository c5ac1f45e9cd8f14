"""The audit finds a wrong entry and names it. That a rebuild mends it, test_rebuild.py shows."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from cluster.target import Target
from curl import service
from operate.pod import run_in
from verbs import Verbs, copied

ENTRY = "iot||7733"
CORINNE = {"firstName": "Corinne", "lastName": "Lopez", "city": "Enschede", "connectionId": "7733"}


@pytest.fixture(scope="module")
def verbs(target: Target, tmp_path_factory: pytest.TempPathFactory) -> Verbs:
    there = Verbs(target, copied(tmp_path_factory.mktemp("audit") / "tree"))
    # CRM keeps its customers in memory here, so that one that was restarted has forgotten those who were new;
    # what IoT still says of their connections is a difference indeed. A new customer revokes each.
    with service(target, "crm") as crm:
        assert crm.post("/customers/7", {**CORINNE, "connectionMandate": "1"}).status in (200, 201)
        for one in differences(there):
            crm.post("/customers", {"connectionId": one["connectionId"], "connectionMandate": "0"})
    return there


@pytest.fixture
def entry(target: Target) -> Iterator[str]:
    """What the store keeps of the connection, also afterwards."""
    kept = run_in(target, "redis-0", "redis-cli", "-e", "HGET", ENTRY, "data").strip()
    yield kept
    run_in(target, "redis-0", "redis-cli", "-e", "HSET", ENTRY, "data", kept)


def differences(verbs: Verbs) -> list[dict[str, Any]]:
    with verbs.start("audit", "--json") as process:
        text, _ = process.communicate(timeout=120)
    assert process.returncode in (0, 1), text
    found: list[dict[str, Any]] = json.loads(text)["differences"]
    return found


def test_a_healthy_system_has_no_differences(verbs: Verbs) -> None:
    report = verbs.json("audit")
    assert report["differences"] == []
    assert report["customers"] >= 12
    assert {one["partition"]: one["lag"] for one in report["partitions"]} == {0: 0, 1: 0, 2: 0, 3: 0}


@pytest.mark.usefixtures("entry")
def test_a_wrong_entry_is_named(target: Target, verbs: Verbs) -> None:
    wrong = '{"connectionId":"7733","connectionMandate":"2","sequence":9223372036854775807,"arrival":[0,0,0]}'
    run_in(target, "redis-0", "redis-cli", "-e", "HSET", ENTRY, "data", wrong)
    report = verbs.json("audit", code=1)
    assert report["differences"] == [{"connectionId": "7733", "crm": "1", "iot": "2", "customers": ["7"], "topic": "1"}]
