import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any
from uuid import UUID

import pytest
from helpers import at_once

from crm.domain.event import ConnectionMandate
from crm.relay import dapr_publisher as publisher_module
from crm.relay.dapr_publisher import DaprPublisher
from crm.relay.ports import PublishError, RightLostError
from crm.relay.relay import PAGE

pytestmark = pytest.mark.anyio

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
EVENTS = [
    ConnectionMandate("id-17", 17, "2026-11-24T12:00:00.000000Z", "77/33 é", "1", TRACEPARENT),
    ConnectionMandate("id-18", 18, "2026-11-24T12:00:00.000000Z", "928", "0"),
]


class Sidecar:
    """Answers as a Dapr sidecar does (its answers were seen), and keeps what it was asked."""

    def __init__(self, status: str = "204 No Content", content: bytes = b"") -> None:
        self.status = status
        self.content = content
        self.requests: list[tuple[str, bytes]] = []
        self.port = 0
        self.asked = asyncio.Event()
        self.left = asyncio.Event()
        """Set when a connection ended on which nothing was asked."""
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
        except asyncio.IncompleteReadError:
            writer.close()
            self.left.set()
            return
        length = next(
            int(line.split(":")[1]) for line in head.splitlines() if line.lower().startswith("content-length:")
        )
        self.requests.append((head, await reader.readexactly(length)))
        self.asked.set()
        await self.may_answer.wait()
        writer.write(
            f"HTTP/1.1 {self.status}\r\nConnection: close\r\nContent-Length: {len(self.content)}\r\n\r\n".encode()
        )
        writer.write(self.content)
        await writer.drain()
        writer.close()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        server = await asyncio.start_server(self.answer, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield


async def published(sidecar: Sidecar, events: Sequence[ConnectionMandate] = EVENTS) -> dict[int, str]:
    async with (
        sidecar.running(),
        DaprPublisher(sidecar.port, "crm-pubsub", "mandates", "s3cret") as publisher,
    ):
        return dict(await publisher.publish(events, at_once))


async def test_it_sends_one_bulk_with_key_and_event_of_each_as_it_is_to_be_on_the_topic() -> None:
    sidecar = Sidecar()
    assert await published(sidecar) == {}
    ((head, content),) = sidecar.requests
    assert head.startswith("POST /v1.0/publish/bulk/crm-pubsub/mandates?metadata.rawPayload=true HTTP/1.1")
    assert "dapr-api-token: s3cret" in head
    first, second = json.loads(content)
    assert json.loads(first.pop("event")) == EVENTS[0].cloudevent()
    assert first == {"entryId": "17", "contentType": "text/plain", "metadata": {"partitionKey": "77/33 é"}}
    assert json.loads(second["event"]) == EVENTS[1].cloudevent()


async def test_for_an_event_alone_the_sidecar_makes_the_envelope_whole() -> None:
    sidecar = Sidecar()
    assert await published(sidecar, EVENTS[:1]) == {}
    ((head, content),) = sidecar.requests
    assert head.startswith("POST /v1.0/publish/bulk/crm-pubsub/mandates HTTP/1.1")
    assert f"\r\ntraceparent: {TRACEPARENT}\r\n" in head
    assert json.loads(content) == [
        {
            "entryId": "17",
            "event": EVENTS[0].cloudevent(),
            "contentType": "application/cloudevents+json",
            "metadata": {"partitionKey": "77/33 é"},
        }
    ]


async def test_the_entries_that_failed_are_known_one_by_one() -> None:
    answer: dict[str, Any] = {
        "failedEntries": [{"entryId": "18", "error": "message too large"}],
        "errorCode": "ERR_PUBSUB_PUBLISH_MESSAGE",
    }
    sidecar = Sidecar("500 Internal Server Error", json.dumps(answer).encode())
    assert await published(sidecar) == {18: "message too large"}


@pytest.mark.parametrize(
    ("status", "content"),
    [
        ("404 Not Found", b'{"errorCode":"ERR_PUBSUB_NOT_FOUND","message":"no such pubsub"}'),
        ("500 Internal Server Error", b'{"failedEntries":[]}'),
        ("502 Bad Gateway", b"<html>"),
        ("500 Internal Server Error", b"[1]"),
    ],
)
async def test_any_other_answer_means_that_nothing_is_known_to_be_sent(status: str, content: bytes) -> None:
    with pytest.raises(PublishError, match=status[:3]):
        await published(Sidecar(status, content))


async def test_without_a_sidecar_it_says_so_and_works_when_there_is_one() -> None:
    sidecar = Sidecar()
    async with sidecar.running():
        pass
    async with DaprPublisher(sidecar.port, "p", "t", "") as publisher:
        with pytest.raises(PublishError, match="sidecar"):
            await publisher.publish(EVENTS, at_once)
        server = await asyncio.start_server(sidecar.answer, "127.0.0.1", sidecar.port)
        async with server:
            assert await publisher.publish(EVENTS, at_once) == {}


async def test_a_sidecar_at_work_is_waited_for_however_long_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    sidecar = Sidecar()
    sidecar.may_answer.clear()
    publishing = asyncio.create_task(published(sidecar))
    await sidecar.asked.wait()
    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: monotonic() + 3600)
    await asyncio.wait({publishing}, timeout=0.05)
    assert not publishing.done()
    sidecar.may_answer.set()
    assert await publishing == {}


LONGEST = [
    ConnectionMandate(str(UUID(int=number)), 10**16 + number, "2026-11-24T12:00:00.000000Z", "\U0001f4a1" * 128, "1",
                      TRACEPARENT)
    for number in range(PAGE)
]  # fmt: skip


async def test_no_bulk_is_larger_than_a_sidecar_takes() -> None:
    sidecar = Sidecar()
    async with sidecar.running(), DaprPublisher(sidecar.port, "p", "t", "") as publisher:
        assert await publisher.publish(LONGEST, at_once) == {}
    bodies = [body for _, body in sidecar.requests]
    assert max(map(len, bodies)) <= 4 * 1024 * 1024
    sent = [int(entry["entryId"]) for body in bodies for entry in json.loads(body)]
    assert sent == [event.sequence for event in LONGEST]


async def test_what_came_before_the_part_of_a_bulk_that_fails_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publisher_module, "LARGEST", 1)
    sidecar = Sidecar()
    answer = sidecar.answer

    async def first_only(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if sidecar.requests:
            sidecar.status = "502 Bad Gateway"
        await answer(reader, writer)

    monkeypatch.setattr(sidecar, "answer", first_only)
    failed = await published(sidecar)
    assert failed.keys() == {18}
    assert "502" in failed[18]


async def test_what_was_sent_before_the_right_was_lost_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publisher_module, "LARGEST", 1)
    sidecar = Sidecar()

    def once() -> None:
        if sidecar.requests:
            raise RightLostError("another publishes")

    async with sidecar.running():
        async with DaprPublisher(sidecar.port, "p", "t", "") as publisher:
            assert await publisher.publish(EVENTS, once) == {18: "another publishes"}
        await sidecar.left.wait()
