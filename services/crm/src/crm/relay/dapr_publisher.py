"""Publishes events through the Dapr sidecar's HTTP API, in bulk.

Not by the SDK's client, whose only way is gRPC: there Dapr 1.18 answers a bulk that failed in
part with an error for the whole of it, while over HTTP it names the entries that failed. Without
gRPC the process also is 11 to 20 MB smaller, and no client waits for the sidecar.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Self

from crm.domain.event import ConnectionMandate
from crm.relay.ports import PublishError, RightLostError
from crm.relay.sidecar import Sidecar, SidecarError

LARGEST = 3 * 1024 * 1024
"""Bytes of a bulk. A sidecar takes 4 MiB (daprd's --max-body-size, dapr.io/max-body-size); a larger one
it would refuse for ever."""

_RAW = "?metadata.rawPayload=true"


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
        self._sidecar.close()

    async def publish(self, events: Sequence[ConnectionMandate], check: Callable[[], None]) -> Mapping[int, str]:
        """See Publisher in ports.py."""
        # Many go as they are here: for each that a sidecar makes an envelope of its own for it needs thrice the time.
        # One alone has it, and is published in the trace of the request that made it: who reads it goes on from there.
        raw = len(events) > 1
        body = json.dumps([_entry(event, raw) for event in events], ensure_ascii=False).encode()
        if len(body) <= LARGEST or not raw:
            return await self._send(_RAW if raw else "", body, check, None if raw else events[0].traceparent)
        half = len(events) // 2
        failed = await self.publish(events[:half], check)
        try:
            return {**failed, **await self.publish(events[half:], check)}
        except (PublishError, RightLostError) as error:  # of the first half more is known
            return {**failed, **{event.sequence: str(error) for event in events[half:]}}

    async def _send(
        self, query: str, body: bytes, check: Callable[[], None], traceparent: str | None
    ) -> Mapping[int, str]:
        try:
            answer = await self._sidecar.post(self._path + query, body, check, traceparent)
        except SidecarError as error:
            raise PublishError(f"the Dapr sidecar: {error}") from error
        if answer.status == 204:  # all of them were published
            return {}
        return _failed(answer.status, answer.content)


def _entry(event: ConnectionMandate, raw: bool) -> dict[str, object]:
    envelope = event.cloudevent()
    return {
        "entryId": str(event.sequence),
        "event": json.dumps(envelope, ensure_ascii=False) if raw else envelope,
        "contentType": "text/plain" if raw else "application/cloudevents+json",
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
