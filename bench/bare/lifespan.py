"""What both apps of the chain over Dapr need while they run."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from dapr.aio.clients import DaprClient
from fastapi import FastAPI


@asynccontextmanager
async def with_sidecar(_: FastAPI) -> AsyncIterator[dict[str, Any]]:
    """Gives each request the sidecar's client, as `dapr` of its state."""
    async with DaprClient() as dapr:
        yield {"dapr": dapr}
