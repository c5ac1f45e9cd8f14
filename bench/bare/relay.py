"""The least that a relay could be: a loop that sends events in bulk through the same sidecar, without a database."""

import json
from typing import Any

from bench import events
from bench.connection import Connection
from parts.daprd import Daprd

_AT_ONCE = 2_000
"""As many as CRM's relay."""


def send(sidecar: Daprd, topic: str, count: int) -> None:
    """Send so many events, each about a connection of its own. AssertionError when a bulk is not taken."""
    with Connection(sidecar.http_port) as connection:
        for begin in range(0, count, _AT_ONCE):
            bulk = [_entry(topic, number, count) for number in range(begin, min(begin + _AT_ONCE, count))]
            connection.post(f"/v1.0/publish/bulk/crm-pubsub/{topic}", json.dumps(bulk).encode())


def _entry(topic: str, number: int, connections: int) -> dict[str, Any]:
    event = events.envelope(topic, number, connections)
    return {
        "entryId": str(number),
        "event": event,
        "contentType": "application/cloudevents+json",
        "metadata": {"partitionKey": event["subject"]},
    }
