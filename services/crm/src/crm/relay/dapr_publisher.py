"""Publishes events through the Dapr sidecar's HTTP API, in bulk.

Not by the SDK's client, whose only way is gRPC: there Dapr 1.18 answers a bulk that failed in
part with an error for the whole of it, while over HTTP it names the entries that failed. Without
gRPC the process also is 11 to 20 MB smaller, and no client waits for the sidecar.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Self

from crm.domain.event import ConnectionMandate
from crm.relay.ports import PublishError
from crm.relay.sidecar import Sidecar, SidecarError

LARGEST = 3 * 1024 * 1024
"""Bytes of a bulk. A sidecar takes 4 MiB (daprd's --max-body-size, dapr.io/max-body-size); a larger one
it would refuse for ever."""


class DaprPublisher:
    """One Dapr pubsub component and one topic."""

    def __init__(self, port: int, pubsub: str, topic: str, api_token: str = "") -> None:
        """Through the sidecar at `port` of this host, which need not be there yet."""
        self._sidecar = Sidecar(port, api_token)
        self._path = f"/v1.0/publish/bulk/{pubsub}/{topic}"

    async def __aenter__(self) -> Self:
        """As a context it closes its connection at the end."""
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._sidecar.close()

    async def publish(self, events: Sequence[ConnectionMandate]) -> Mapping[int, str]:
        """See Publisher in ports.py."""
        trace = _trace_of(events)
        body = json.dumps([_entry(event, trace) for event in events], ensure_ascii=False).encode()
        if len(body) <= LARGEST or len(events) == 1:
            return await self._send(body, trace)
        half = len(events) // 2
        failed = await self.publish(events[:half])
        try:
            return {**failed, **await self.publish(events[half:])}
        except PublishError as error:  # of the first half more is known
            return {**failed, **{event.sequence: str(error) for event in events[half:]}}

    async def _send(self, body: bytes, traceparent: str | None) -> Mapping[int, str]:
        try:
            answer = await self._sidecar.post(self._path, body, traceparent)
        except SidecarError as error:
            raise PublishError(f"the Dapr sidecar: {error}") from error
        if answer.status == 204:  # all of them were published
            return {}
        return _failed(answer.status, answer.content)


def _trace_of(events: Sequence[ConnectionMandate]) -> str | None:
    """The trace that the publishing of these goes on with: that of all of them, where they have but one."""
    traces = {event.traceparent for event in events}
    return traces.pop() if len(traces) == 1 else None


def _entry(event: ConnectionMandate, trace: str | None) -> dict[str, object]:
    envelope = event.cloudevent()
    if event.traceparent and event.traceparent != trace:
        # Dapr overwrites the traceparent of an event that does not have its own traceid, too: where all go on with
        # the trace that is being published in, that is right, and who reads the event goes on from the publishing.
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
