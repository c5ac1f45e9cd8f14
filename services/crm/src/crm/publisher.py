"""Publishes events through the Dapr sidecar's HTTP API, in bulk.

Not by the SDK's client, whose only way is gRPC: there Dapr 1.18 answers a bulk that failed in
part with an error for the whole of it, while over HTTP it names the entries that failed. Without
gRPC the process also is 11 to 20 MB smaller, and no client waits for the sidecar.
"""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Self

import httpcore

from crm.event import ConnectionMandate
from crm.publishing import SENDING, PublishError

TIMEOUTS = {"connect": 2.0, "write": 10.0, "read": SENDING - 15, "pool": 1.0}
"""Seconds, SENDING at most in all. Reading waits longer than the sidecar's own tries at the broker
usually take, so that none of them is still going on when the relay sends the same events again."""


class DaprPublisher:
    """One Dapr pubsub component and one topic."""

    def __init__(self, pool: httpcore.AsyncConnectionPool, url: str, api_token: str | None) -> None:
        self._pool = pool
        self._url = url
        self._headers = [("Content-Type", "application/json")]
        if api_token:
            self._headers.append(("dapr-api-token", api_token))

    @classmethod
    @asynccontextmanager
    async def opened(cls, port: int, pubsub: str, topic: str, api_token: str | None) -> AsyncIterator[Self]:
        """A publisher to the sidecar at `port` of this host, which need not be there yet."""
        url = f"http://127.0.0.1:{port}/v1.0/publish/bulk/{pubsub}/{topic}"
        async with httpcore.AsyncConnectionPool(max_connections=1) as pool:
            yield cls(pool, url, api_token)

    async def publish(self, events: Sequence[ConnectionMandate]) -> Mapping[int, str]:
        """See Publisher in publishing.py."""
        body = json.dumps([_entry(event) for event in events], ensure_ascii=False).encode()
        try:
            response = await self._pool.request(
                "POST",
                self._url,
                headers=self._headers,
                content=body,
                extensions={"timeout": TIMEOUTS},
            )
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException) as error:
            raise PublishError(f"the Dapr sidecar: {error!r}") from error
        if response.status == 204:  # all of them were published
            return {}
        return _failed(response.status, response.content)


def _entry(event: ConnectionMandate) -> dict[str, object]:
    envelope = event.cloudevent()
    if event.traceparent:
        # Dapr overwrites the traceparent of an event that does not have its own traceid, too.
        envelope["traceid"] = event.traceparent
    return {
        "entryId": str(event.sequence),
        "event": envelope,
        "contentType": "application/cloudevents+json",
        "metadata": {"partitionKey": event.connection_id},
    }


def _failed(status: int, content: bytes) -> Mapping[int, str]:
    """The failed entries that an answer names. Raises PublishError when it names none."""
    try:
        failed = json.loads(content)["failedEntries"]
        reasons = {int(entry["entryId"]): str(entry.get("error")) for entry in failed}
    except (ValueError, KeyError, TypeError, AttributeError):
        reasons = {}
    if not reasons:
        text = content[:500].decode(errors="replace")
        raise PublishError(f"the Dapr sidecar answered {status}: {text}")
    return reasons
