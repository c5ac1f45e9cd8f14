"""Dead letters on a topic, published through the Dapr sidecar."""

from asyncio import gather
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from dapr.proto import api_v1

from iot.consumer.dead_letters import DeadLetter, as_bytes
from iot.dapr.sidecar import Sidecar, SidecarError

CONTENT_TYPE: Final = "application/cloudevents+json"
ROOM: Final = 3 * 2**20
"""Bytes of letters in one request: the sidecar takes 4 MiB, and a letter may have 1.5."""

_Encoded = tuple[str, bytes]


class DaprDeadLetters:
    """The port (consumer/dead_letters.py) over one pubsub component and one topic."""

    def __init__(self, pubsub: str, topic: str, sidecar: Sidecar) -> None:
        self._pubsub = pubsub
        self._topic = topic
        self._sidecar = sidecar

    async def publish(self, letters: Sequence[DeadLetter]) -> Mapping[str, str]:
        """See DeadLetters.publish."""
        now = datetime.now(UTC)
        failed: dict[str, str] = {}
        # Made as they are sent: a batch of the largest ones, whole, would have no room in the memory.
        by_id = {letter.id: letter for letter in letters}
        for some in _that_fit((id_, as_bytes(letter.cloudevent(now))) for id_, letter in by_id.items()):
            failed |= await (self._publish_all(some) if len(some) > 1 else self._publish_one(some[0]))
        return failed

    async def _publish_all(self, letters: Sequence[_Encoded]) -> Mapping[str, str]:
        entries = [
            api_v1.BulkPublishRequestEntry(
                entry_id=id_, event=event, content_type=CONTENT_TYPE, metadata={"partitionKey": id_}
            )
            for id_, event in letters
        ]
        request = api_v1.BulkPublishRequest(pubsub_name=self._pubsub, topic=self._topic, entries=entries)
        try:
            reply = await self._sidecar.call(
                self._sidecar.api.BulkPublishEvent, request, self._sidecar.delivery_timeout
            )
        except SidecarError as error:
            if error.away:
                return dict.fromkeys(dict(letters), str(error))
            # One that cannot be published fails the whole call; alone, it fails alone.
            return {id_: why for part in await gather(*map(self._publish_one, letters)) for id_, why in part.items()}
        return {entry.entry_id: entry.error for entry in reply.failedEntries}

    async def _publish_one(self, letter: _Encoded) -> Mapping[str, str]:
        id_, event = letter
        request = api_v1.PublishEventRequest(
            pubsub_name=self._pubsub,
            topic=self._topic,
            data=event,
            data_content_type=CONTENT_TYPE,
            metadata={"partitionKey": id_},
        )
        try:
            await self._sidecar.call(self._sidecar.api.PublishEvent, request, self._sidecar.delivery_timeout)
        except SidecarError as error:
            return {id_: str(error)}
        return {}


def _that_fit(letters: Iterable[_Encoded]) -> Iterator[list[_Encoded]]:
    """The letters in lots that a request has room for, at least one in each."""
    lot: list[_Encoded] = []
    size = 0
    for id_, event in letters:
        if lot and size + len(event) > ROOM:
            yield lot
            lot, size = [], 0
        lot.append((id_, event))
        size += len(event)
    if lot:
        yield lot
