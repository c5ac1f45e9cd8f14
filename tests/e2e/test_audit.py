"""The audit finds a wrong entry and names it. That a rebuild mends it, test_rebuild.py shows."""

from collections.abc import Iterator

import pytest

from cluster.target import Target
from curl import service
from operate.pod import run_in
from verbs import Verbs, copied, revoke_the_forgotten

ENTRY = "iot||7733"
CORINNE = {"firstName": "Corinne", "lastName": "Lopez", "city": "Enschede", "connectionId": "7733"}


@pytest.fixture(scope="module")
def verbs(target: Target, tmp_path_factory: pytest.TempPathFactory) -> Verbs:
    there = Verbs(target, copied(tmp_path_factory.mktemp("audit") / "tree"))
    with service(target, "crm") as crm:
        assert crm.post("/customers/7", {**CORINNE, "connectionMandate": "1"}).status in (200, 201)
    revoke_the_forgotten(there)
    return there


@pytest.fixture
def entry(target: Target) -> Iterator[str]:
    """What the store keeps of the connection, also afterwards."""
    kept = run_in(target, "redis-0", "redis-cli", "-e", "HGET", ENTRY, "data").strip()
    yield kept
    run_in(target, "redis-0", "redis-cli", "-e", "HSET", ENTRY, "data", kept)


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
    assert report["differences"] == [{"connectionId": "7733", "crm": "1", "iot": "2", "customers": ["7"]}]
