"""`python -m bench.posts CLIENT PORT` prints how many us of the processor one bulk costs whoever sends it."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import httpx

from crm.relay.sidecar import Sidecar

PATH, BODY, HEADERS = "/v1.0/publish/bulk/p/t", b'[{"entryId":"1"}]', {"Content-Type": "application/json"}
POSTS = 2000

Post = Callable[[], Awaitable[object]]


@asynccontextmanager
async def _crm(port: int) -> AsyncIterator[Post]:
    sidecar = Sidecar(port, "")
    yield lambda: sidecar.post(PATH, BODY, lambda: None)
    sidecar.close()


@asynccontextmanager
async def _httpx(port: int) -> AsyncIterator[Post]:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        yield lambda: client.post(PATH, content=BODY, headers=HEADERS)


@asynccontextmanager
async def _aiohttp(port: int) -> AsyncIterator[Post]:
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as client:

        async def post() -> bytes:
            async with client.post(PATH, data=BODY, headers=HEADERS) as answer:
                return await answer.read()

        yield post


CLIENTS = {"crm": _crm, "httpx": _httpx, "aiohttp": _aiohttp}


async def microseconds(client: str, port: int) -> float:
    """Of this process's time for one bulk, each sent when the one before was taken."""
    async with CLIENTS[client](port) as post:
        spent = 0.0
        for _ in ("warm up", "measure"):
            begun = time.process_time()
            for _ in range(POSTS):
                await post()
            spent = time.process_time() - begun
    return spent * 1e6 / POSTS


if __name__ == "__main__":
    sys.stdout.write(f"{asyncio.run(microseconds(sys.argv[1], int(sys.argv[2])))}\n")
