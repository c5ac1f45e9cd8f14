"""What can be set, what reaches the service, and what is refused with which words."""

import pytest

from .chart import RefusedError, render, the


def settings(chart: str, **values: object) -> dict[str, object]:
    (container,) = the("Deployment", render(chart, **values))["spec"]["template"]["spec"]["containers"]
    return {entry["name"]: entry.get("value", entry.get("valueFrom")) for entry in container["env"]}


def test_crm_by_default() -> None:
    """Without CRM_DATABASE_URL: the service's own default holds."""
    assert settings("crm") == {
        "CRM_PORT": "3005",
        "CRM_PUBSUB": "crm-pubsub",
        "CRM_TOPIC": "connection-mandates-topic",
        "LOG_LEVEL": "info",
    }


def test_crm_with_a_database() -> None:
    url = "sqlite+aiosqlite:////data/crm.db"
    assert settings("crm", databaseUrl=url)["CRM_DATABASE_URL"] == url


def test_crm_with_a_database_whose_url_is_secret() -> None:
    reference = {"name": "crm-database", "key": "url"}
    found = settings("crm", databaseUrl=reference)["CRM_DATABASE_URL"]
    assert found == {"secretKeyRef": reference}


def test_iot_by_default() -> None:
    assert settings("iot") == {
        "IOT_PORT": "3008",
        "IOT_STATESTORE": "statestore",
        "LOG_LEVEL": "info",
    }


def test_iot_with_the_durable_store() -> None:
    assert settings("iot", stateStore="durable-statestore")["IOT_STATESTORE"] == "durable-statestore"


def test_two_relays_never_run_at_once() -> None:
    """One replica, and a new version starts when the old one is gone: order rests on it."""
    spec = the("Deployment", render("crm"))["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})


def test_reads_go_on_while_a_new_version_starts() -> None:
    assert the("Deployment", render("iot"))["spec"]["strategy"] == {"type": "RollingUpdate"}


REFUSALS = [
    # chart, value, what it is set to, words of the refusal
    ("crm", "databseUrl", "sqlite://", ["databseUrl"]),
    ("crm", "databaseUrl", "customers.db", ["databaseUrl"]),
    ("crm", "databaseUrl", {"name": "crm-database"}, ["databaseUrl", "key"]),
    ("crm", "pubsub", "", ["pubsub"]),
    ("crm", "topic", "no spaces", ["topic"]),
    ("crm", "service__replicas", 2, ["replicas", "maximum"]),
    ("crm", "service__strategy", "RollingUpdate", ["strategy", "Recreate"]),
    ("iot", "statestore", "statestore", ["statestore"]),
    ("iot", "stateStore", "", ["stateStore"]),
    ("iot", "service__replicas", -1, ["replicas"]),
    ("iot", "service__replicas", "two", ["replicas", "string"]),
    ("iot", "service__replica", 2, ["replica"]),
    ("iot", "service__strategy", "Rolling", ["strategy"]),
    ("iot", "service__port", 80, ["port"]),
    ("iot", "service__port", None, ["port"]),
    ("iot", "service__logLevel", "verbose", ["logLevel", "debug"]),
    ("iot", "service__image__repository", "", ["repository"]),
    ("iot", "service__image__tag", 8.2, ["tag", "string"]),
    ("iot", "service__image__name", "x", ["name"]),
    ("iot", "service__resources__limits__memory", "lots", ["memory"]),
    ("iot", "service__resources__limit", {}, ["limit"]),
    ("iot", "service__dapr__logLevel", "warning", ["logLevel", "warn"]),
    ("iot", "service__dapr__configuration", "mandates", ["configuration"]),
    ("iot", "service__claims", {"data": "1Mi"}, ["claims", "data"]),
    ("iot", "service__podAnnotations", {"a": 1}, ["podAnnotations", "string"]),
    ("iot", "service__drainSeconds", 0, ["drainSeconds"]),
]


@pytest.mark.parametrize(("chart", "value", "to", "words"), REFUSALS, ids=[f"{r[0]}-{r[1]}={r[2]}" for r in REFUSALS])
def test_refused(chart: str, value: str, to: object, words: list[str]) -> None:
    with pytest.raises(RefusedError) as refusal:
        render(chart, **{value: to})
    message = str(refusal.value)
    assert "values don't meet the specifications of the schema" in message
    assert [word for word in words if word not in message] == [], message
