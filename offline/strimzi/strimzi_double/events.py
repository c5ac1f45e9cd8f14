"""Kopf's part: it watches, and passes on what it sees."""

from __future__ import annotations

from typing import Any

import kopf

from .operator import Operator
from .resource import API_VERSION, KIND_LABEL

PLURALS = ("kafkas", "kafkanodepools", "kafkatopics", "kafkausers")


def register(operator: Operator) -> kopf.OperatorRegistry:
    """Kopf's handlers: only plain events, which leave no trace on the resources."""
    registry = kopf.OperatorRegistry()

    async def changed(event: Any, body: kopf.Body, **_: Any) -> None:
        operator.happened(body["kind"], dict(body), deleted=event["type"] == "DELETED")

    async def dependent_changed(body: kopf.Body, **_: Any) -> None:
        operator.dependent_happened(dict(body))

    group, version = API_VERSION.split("/")
    for plural in PLURALS:
        kopf.on.event(group, version, plural, registry=registry)(changed)
    for plural, owner in (("pods", "Kafka"), ("secrets", "Kafka"), ("secrets", "KafkaUser")):
        kopf.on.event("", "v1", plural, labels={KIND_LABEL: owner}, registry=registry)(dependent_changed)
    return registry
