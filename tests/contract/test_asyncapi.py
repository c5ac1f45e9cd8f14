"""docs/asyncapi.yaml says what is true: it is well-formed, its examples are valid, and so is CRM's own event."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft7Validator

from crm.domain.customer import CONNECTION_ID_LENGTH, CONNECTION_ID_PATTERN
from crm.domain.event import ConnectionMandate
from offline.versions import ROOT
from parts.contract import DOCUMENT, NotAsPromisedError, resolved, validate
from parts.kafka import declared

TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
EVENT = ConnectionMandate(
    "5d0e7a39-4f0c-4d6e-9d0c-0f1a5f2b6c11", 17, "2026-11-24T12:00:00.000017Z", "77/33 é", "2", TRACEPARENT
)
MESSAGES = DOCUMENT["components"]["messages"]


def references(node: Any) -> Iterator[str]:
    """Every $ref below a node of the document."""
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        node = list(node.values())
    if isinstance(node, list):
        for each in node:
            yield from references(each)


def envelope(**changed: object) -> bytes:
    return json.dumps(EVENT.cloudevent() | changed).encode()


def test_it_is_the_version_whose_rules_it_follows() -> None:
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert DOCUMENT["info"].keys() >= {"title", "version"}
    assert {operation["action"] for operation in DOCUMENT["operations"].values()} == {"send", "receive"}


def test_every_reference_leads_somewhere() -> None:
    found = set(references(DOCUMENT))
    assert found
    for reference in found:
        assert resolved(reference)


def test_operations_use_the_messages_of_their_channel() -> None:
    for operation in DOCUMENT["operations"].values():
        for message in operation["messages"]:
            assert message["$ref"].startswith(f"{operation['channel']['$ref']}/messages/")


@pytest.mark.parametrize("name", MESSAGES)
def test_schemas_are_schemas_and_examples_are_valid(name: str) -> None:
    Draft7Validator.check_schema(resolved(MESSAGES[name]["payload"]["$ref"]))
    for example in MESSAGES[name]["examples"]:
        validate(json.dumps(example["payload"]).encode(), name)


def test_the_channel_is_the_topic_that_is_declared() -> None:
    topic = declared("connection-mandates-topic")
    kafka = resolved("#/channels/connectionMandates")["bindings"]["kafka"]
    assert resolved("#/channels/connectionMandates")["address"] == kafka["topic"] == "connection-mandates-topic"
    assert {name: kafka[name] for name in ("partitions", "replicas")} == {
        name: topic[name] for name in ("partitions", "replicas")
    }
    assert kafka["topicConfiguration"]["cleanup.policy"] == [topic["config"]["cleanup.policy"]]


def test_brokers_are_those_of_the_components() -> None:
    component = (ROOT / "k8s" / "dapr" / "crm-pubsub.yaml").read_text()
    assert re.search(rf"value: {DOCUMENT['servers']['mandates']['host']}$", component, re.MULTILINE)


def test_a_connection_id_is_what_crm_takes_for_one() -> None:
    described = resolved("#/components/schemas/connectionId")
    assert (described["pattern"], described["maxLength"]) == (CONNECTION_ID_PATTERN, CONNECTION_ID_LENGTH)


def test_what_crm_makes_is_valid() -> None:
    validate(envelope())


@pytest.mark.parametrize(
    "changed",
    [
        {"sequence": 17},
        {"sequence": "017"},
        {"time": "2026-11-24 12:00"},
        {"type": "com.mandates.connection-mandate.v2"},
        {"traceparent": "none"},
        {"data": '{"connectionId":"7733","connectionMandate":"1"}'},
        {"data": {"connectionId": "7733", "connectionMandate": "3"}},
        {"data": {"connectionId": "7733", "connectionMandate": "1", "lastName": "Lopez"}},
        {"data": {"connectionId": "", "connectionMandate": "1"}},
        {"subject": "7733\u200b", "data": {"connectionId": "7733\u200b", "connectionMandate": "1"}},
        {"subject": "7733\u00a0", "data": {"connectionId": "7733\u00a0", "connectionMandate": "1"}},
        {"subject": "8,71687E+17", "data": {"connectionId": "8,71687E+17", "connectionMandate": "1"}},
        {"subject": "928"},
    ],
)
def test_what_is_otherwise_is_not(changed: dict[str, object]) -> None:
    with pytest.raises(NotAsPromisedError):
        validate(envelope(**changed))


def test_a_record_without_json_is_not() -> None:
    with pytest.raises(NotAsPromisedError, match="no JSON"):
        validate(b"\xff")
