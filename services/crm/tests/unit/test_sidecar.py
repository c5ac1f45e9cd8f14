import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from time import monotonic
from unittest.mock import patch

import pytest
from helpers import at_once

from crm.relay.ports import RightLostError
from crm.relay.sidecar import Sidecar, SidecarError

pytestmark = pytest.mark.anyio

OK = b"HTTP/1.1 204 No Content\r\n\r\n"


class Server:
    """Gives one answer after the other, each in pieces, and counts connections and bodies."""

    def __init__(self, *answers: Sequence[bytes], hold: bool = False) -> None:
        self.answers = list(answers)
        self.hold = hold
        self.connections = 0
        self.bodies: list[bytes] = []
        self.asked = asyncio.Event()
        self.ended = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                length = int(head.split("content-length: ")[1].split("\r\n")[0])
                self.bodies.append(await reader.readexactly(length))
                self.asked.set()
                if self.hold:
                    await asyncio.wait(
                        [asyncio.ensure_future(each) for each in (reader.read(), self.ended.wait())],
                        return_when=asyncio.FIRST_COMPLETED,
                    )
                    return
                pieces = self.answers.pop(0)
                for piece in pieces:
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0)
        except asyncio.IncompleteReadError:
            return
        finally:
            writer.close()


@asynccontextmanager
async def running(server: Server) -> AsyncIterator[Sidecar]:
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    async with listening:
        sidecar = Sidecar(listening.sockets[0].getsockname()[1], "")
        try:
            yield sidecar
        finally:
            sidecar.close()


async def test_one_connection_carries_all_requests() -> None:
    server = Server([OK], [OK], [OK])
    async with running(server) as sidecar:
        for body in (b"1", b"2", b"3"):
            assert await sidecar.post("/p", body, at_once) == (204, b"")
    assert server.bodies == [b"1", b"2", b"3"]
    assert server.connections == 1


@pytest.mark.parametrize(
    "pieces",
    [
        [b"HTTP/1.1 500 Internal Server Error\r\nContent-Len", b"gth: 5\r\n\r\nhe", b"llo"],
        [b"HTTP/1.1 500 Error\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n", b"3\r\nllo\r\n0\r\n\r\n"],
    ],
)
async def test_an_answer_comes_in_pieces(pieces: list[bytes]) -> None:
    async with running(Server(pieces)) as sidecar:
        assert await sidecar.post("/p", b"{}", at_once) == (500, b"hello")


async def test_a_connection_that_the_server_ends_is_made_again() -> None:
    server = Server([b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"], [OK])
    async with running(server) as sidecar:
        assert (await sidecar.post("/p", b"1", at_once)).status == 204
        assert (await sidecar.post("/p", b"2", at_once)).status == 204
    assert server.connections == 2


@pytest.mark.parametrize(
    "pieces", [[], [b"HTTP/1.1 204"], [b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"], [b"SSH-2.0-OpenSSH\r\n"]]
)
async def test_half_an_answer_is_none_and_the_next_request_has_its_own(pieces: list[bytes]) -> None:
    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"".join(pieces))
        writer.close()

    listening = await asyncio.start_server(cut, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    sidecar = Sidecar(port, "")
    async with listening:
        with pytest.raises(SidecarError):
            await sidecar.post("/p", b"", at_once)
    async with await asyncio.start_server(Server([OK]).serve, "127.0.0.1", port):
        assert (await sidecar.post("/p", b"again", at_once)).status == 204
        sidecar.close()


async def test_who_is_slow_is_waited_for_as_long_as_the_connection_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(hold=True)
    async with running(server) as sidecar:
        asking = asyncio.create_task(sidecar.post("/p", b"{}", at_once))
        await server.asked.wait()
        monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: monotonic() + 3600)
        await asyncio.wait({asking}, timeout=0.05)
        assert not asking.done()
        server.ended.set()
        with pytest.raises(SidecarError, match="ended before the answer"):
            await asking


async def test_who_takes_no_connection_in_time_is_waited_for_no_longer() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        address = full.getsockname()
        # It holds this one, and whoever comes next is not even refused.
        with (
            socket.create_connection(address),
            patch("crm.relay.sidecar.CONNECTING", 0.05),
            pytest.raises(SidecarError, match="no connection within"),
        ):
            await Sidecar(address[1], "").post("/p", b"{}", at_once)


async def test_what_answers_a_request_that_was_given_up_answers_no_other() -> None:
    server = Server([OK], hold=True)
    async with running(server) as sidecar:
        asking = asyncio.create_task(sidecar.post("/p", b"1", at_once))
        await server.asked.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        server.hold = False
        assert (await sidecar.post("/p", b"2", at_once)).status == 204
    assert server.connections == 2


async def test_what_is_not_to_be_sent_any_more_is_not_and_the_connection_stays() -> None:
    def too_late() -> None:
        raise RightLostError

    server = Server([OK], [OK])
    async with running(server) as sidecar:
        await sidecar.post("/p", b"1", at_once)
        with pytest.raises(RightLostError):
            await sidecar.post("/p", b"2", too_late)
        await sidecar.post("/p", b"3", at_once)
    assert (server.bodies, server.connections) == ([b"1", b"3"], 1)


async def test_no_sidecar_is_said_with_what_the_system_says() -> None:
    with pytest.raises(SidecarError, match="Refused"):
        await Sidecar(9, "").post("/p", b"", at_once)
