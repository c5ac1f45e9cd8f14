"""What comes over the wire that no client library would send."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import uvicorn
from asking import MOLLY
from starlette.types import ASGIApp

from crm.api import body
from crm.api import customers as reading
from crm.domain.customers import StoreUnavailableError
from crm.store.customers import Store

pytestmark = pytest.mark.anyio

BODY = json.dumps(MOLLY).encode()
Connect = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]
Say = Callable[..., Awaitable[bytes]]


@pytest.fixture
async def connect(api: ASGIApp) -> AsyncIterator[Connect]:
    """Opens a connection to the real server."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(api, lifespan="off", log_config=None, access_log=False, ws="none"))
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        yield lambda: asyncio.open_connection(*listening.getsockname())
        server.should_exit = True
        await serving


@pytest.fixture
def say(connect: Connect) -> Say:
    """Sends bytes to it, and returns all it answers until it closes, or 3 s are over."""

    async def said(*pieces: bytes, until: bytes = b"") -> bytes:
        reader, writer = await connect()
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        async with asyncio.timeout(3):
            answer = await (reader.readuntil(until) if until else reader.read())
        writer.close()
        return answer

    return said


def post(*headers: bytes, line: bytes = b"POST /customers HTTP/1.1") -> bytes:
    return b"\r\n".join([line, b"Host: crm", *headers, b"", b""])


LENGTH = b"Content-Length: %d" % len(BODY)
CLOSE = b"Connection: close"


@pytest.mark.parametrize(
    ("pieces", "status"),
    [
        ([b"\r\n\r\nnonsense\r\n\r\n"], 400),
        ([b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"], 400),  # the first bytes of TLS
        ([b"GET / HTTP/9.9\r\n\r\n"], 400),
        ([b"GET /\xff HTTP/1.1\r\nHost: crm\r\n\r\n"], 400),
        ([b"CONNECT crm:3005 HTTP/1.1\r\nHost: crm\r\n\r\n"], 400),
        ([post(b"Content-Length: x")], 400),
        ([post(b"Content-Length: -1")], 400),
        ([post(b"Content-Length: " + b"9" * 40)], 400),
        ([post(b"Content-Length: 5", b"Content-Length: 6"), b"{}"], 400),
        ([post(LENGTH, b"Transfer-Encoding: chunked"), BODY], 400),
        ([post(b"Transfer-Encoding: chunked"), b"zz\r\n"], 400),
        ([post(b"Folded: a\r\n b\x00c")], 400),
        ([post(LENGTH, CLOSE), BODY], 201),
        ([post(CLOSE, b"Transfer-Encoding: chunked"), b"%x\r\n" % len(BODY), BODY, b"\r\n0\r\n\r\n"], 201),
        ([post(LENGTH, line=b"POST /customers HTTP/1.0"), BODY], 201),
        ([post(LENGTH, CLOSE), BODY[:9], BODY[9:]], 201),
        ([post(b"Content-Length: 99999999", b"Expect: 100-continue", CLOSE)], 413),
        ([post(b"Transfer-Encoding: chunked", CLOSE), b"11000\r\n" + b" " * 0x11000], 413),
        ([post(CLOSE, line=b"OPTIONS * HTTP/1.1")], 404),
        ([post(CLOSE, line=b"GET http://crm/livez HTTP/1.1")], 200),
        ([post(CLOSE, line=b"GET /livez?%ff%00=%zz HTTP/1.1")], 200),
        ([post(CLOSE, line=b"GET /customers/%ff%00 HTTP/1.1")], 404),
        ([b"GET /livez HTTP/1.0\r\n\r\n"], 200),
        ([post(CLOSE, b"Connection: Upgrade", b"Upgrade: websocket", line=b"GET /livez HTTP/1.1")], 200),
    ],
)
async def test_it_answers_whatever_comes(say: Say, pieces: list[bytes], status: int) -> None:
    answer = await say(*pieces)
    head, _, content = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status), answer
    if status > 400:
        assert b"content-type: application/problem+json" in head
        assert json.loads(content)["status"] == status
    assert answer.count(b"HTTP/1.1 ") == 1


async def test_a_body_that_does_not_come_is_given_up_and_the_connection_too(
    say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(body, "BODY_SECONDS", 0.05)
    head, _, content = (await say(post(LENGTH), BODY[:5])).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408 ")
    assert b"content-type: application/problem+json" in head
    problem = json.loads(content)
    assert (problem["status"], problem["title"]) == (408, "Request Timeout")
    assert problem["detail"] == "The body did not come within 0.05 seconds."


async def test_a_body_that_came_while_the_service_slept_is_read(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(body, "BODY_SECONDS", 0.1)
    reader, writer = await connect()
    writer.write(post(LENGTH, CLOSE, b"Expect: 100-continue"))
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(BODY)
    time.sleep(0.2)  # noqa: ASYNC251  the loop that serves it sleeps, too
    async with asyncio.timeout(3):
        assert (await reader.read()).startswith(b"HTTP/1.1 201 ")
    writer.close()


async def test_requests_sent_in_one_piece_are_answered_in_their_order(say: Say) -> None:
    get = post(line=b"GET /customers/1 HTTP/1.1")
    answer = await say(post(LENGTH) + BODY + get + post(line=b"PUT / HTTP/1.1") + post(CLOSE, line=b"GET / HTTP/1.1"))
    statuses = [int(part[:3]) for part in answer.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [201, 200, 405, 200]


async def test_what_is_left_of_a_refused_body_is_not_the_next_request(say: Say) -> None:
    rest = b" " * 30_000 + post(line=b"GET /livez HTTP/1.1")
    head = post(b"Content-Length: %d" % (70_000 + len(rest)))
    answer = await say(head, b" " * 70_000, rest, post(CLOSE, line=b"GET / HTTP/1.1"))
    statuses = [int(part[:3]) for part in answer.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [413, 200]
    assert answer.endswith(b"{}")


ALL = post(CLOSE, line=b"GET / HTTP/1.1")


async def test_all_customers_are_sent_in_chunks(say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "ALL_AT_ONCE", 1)
    await say(post(LENGTH, CLOSE), BODY)
    assert b"transfer-encoding: chunked" in (await say(ALL)).lower()
    head = await say(post(CLOSE, line=b"HEAD / HTTP/1.1"))
    assert head.startswith(b"HTTP/1.1 200 ")
    assert head.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("path", [b"/", b"/livez", b"/readyz", b"/metrics", b"/openapi.json", b"/nowhere"])
async def test_a_head_has_the_length_of_the_get_and_no_body(say: Say, path: bytes) -> None:
    heads = [
        (await say(post(CLOSE, line=b"%s %s HTTP/1.1" % (method, path)))).partition(b"\r\n\r\n")
        for method in (b"GET", b"HEAD")
    ]
    lengths = [head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] for head, _, _ in heads]
    assert int(lengths[0]) == len(heads[0][2])
    assert heads[1][2] == b""
    if path != b"/metrics":  # which counts these, too
        assert lengths[0] == lengths[1]


async def test_all_customers_without_the_last_ones_do_not_look_whole(
    say: Say, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "ALL_AT_ONCE", 1)
    await say(post(LENGTH, CLOSE), BODY)
    assert (await say(ALL)).endswith(b"\r\n0\r\n\r\n")
    found = store.page

    async def lost_after_the_first(after: int, limit: int) -> list[tuple[int, str]]:
        if after:
            raise StoreUnavailableError("gone")
        return await found(after, limit)

    monkeypatch.setattr(store, "page", lost_after_the_first)
    answer = await say(ALL)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert not answer.endswith(b"0\r\n\r\n")
