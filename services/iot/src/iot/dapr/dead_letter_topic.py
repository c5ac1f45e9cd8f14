"""Dead letters on a topic, published through the Dapr sidecar."""

from asyncio import Semaphore, gather
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from dapr.proto import api_v1

from iot.consumer.dead_letters import DeadLetter
from iot.dapr.sidecar import Sidecar, SidecarError

AT_ONCE: Final = 32
"""Letters on their way: one may have 1.5 MB, and a batch of such would have no room in the memory."""


class DaprDeadLetters:
    """The port (consumer/dead_letters.py) over one pubsub component and one topic."""

    def __init__(self, pubsub: str, topic: str, sidecar: Sidecar) -> None:
        self._pubsub = pubsub
        self._topic = topic
        self._sidecar = sidecar

    async def publish(self, letters: Sequence[DeadLetter]) -> Mapping[str, str]:
        """See DeadLetters.publish. One by one: one that cannot be published fails alone."""
        by_id = {letter.id: letter for letter in letters}
        now, room = datetime.now(UTC), Semaphore(AT_ONCE)
        failed: dict[str, str] = {}
        away = ""

        async def publish(letter: DeadLetter) -> None:
            nonlocal away
            async with room:
                if away:
                    failed[letter.id] = away
                    return
                request = api_v1.PublishEventRequest(
                    pubsub_name=self._pubsub,
                    topic=self._topic,
                    data=letter.cloudevent(now),
                    data_content_type="application/cloudevents+json",
                    metadata={"partitionKey": letter.id},
                )
                try:
                    await self._sidecar.call(self._sidecar.api.PublishEvent, request, self._sidecar.delivery_timeout)
                except SidecarError as error:
                    failed[letter.id] = str(error)
                    away = str(error) if error.away else ""

        await gather(*map(publish, by_id.values()))
        return failed
