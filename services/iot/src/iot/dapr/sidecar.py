"""The Dapr sidecar: one channel to it, by the SDK's stubs. Why not by its client: docs/decisions/11-calls.md."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

import grpc.aio
from dapr.conf import settings as dapr
from dapr.proto import api_service_v1, api_v1

from iot.observability.tracing import traceparent

_CHANNEL_OPTIONS: Final = (
    # gRPC waits up to two minutes to connect again; the sidecar next door restarts in seconds.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
)
# A parent that is not sampled (the last two digits), which the sidecar follows: else each look at it, every few
# seconds, would be a trace of its own.
_UNTRACED: Final = "00-00000000000000000000000000000001-0000000000000001-00"
_AWAY: Final = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)


class SidecarError(Exception):
    """A call failed. `away`: nobody answered (in time), so that nothing is known of its effect."""

    def __init__(self, error: grpc.aio.AioRpcError) -> None:
        super().__init__(f"{error.code().name}: {error.details()}")
        self.away = error.code() in _AWAY


class Sidecar:
    """Calls with time limits, the API token when it wants one, and the trace when there is one.

    Make it where an event loop runs.
    """

    def __init__(self, grpc_port: int, query_timeout: float, delivery_timeout: float) -> None:
        """Seconds that a call may take: one that somebody waits for, and one that brings a delivery to its end.

        The second is longer than any that the sidecar itself gives a store (k8s/dapr/resiliency.yaml): what
        it would have brought to its end must not be begun anew for ever.
        """
        self.query_timeout = query_timeout
        self.delivery_timeout = delivery_timeout
        self._channel = grpc.aio.insecure_channel(f"127.0.0.1:{grpc_port}", _CHANNEL_OPTIONS)
        self.api: Any = api_service_v1.DaprStub(self._channel)  # type: ignore[no-untyped-call]

    async def call(self, method: Callable[..., Awaitable[Any]], request: object, timeout: float) -> Any:  # noqa: ASYNC109  gRPC's own
        """The reply to a request, by a method of `api`, within seconds. Raises SidecarError."""
        return await self._call(method, request, timeout, traceparent.get())

    @staticmethod
    async def _call(method: Callable[..., Awaitable[Any]], request: object, timeout: float, parent: str | None) -> Any:  # noqa: ASYNC109  gRPC's own
        try:
            return await method(request, timeout=timeout, metadata=_metadata(parent))
        except grpc.aio.AioRpcError as error:
            raise SidecarError(error) from error

    async def about(self, timeout: float) -> Any:  # noqa: ASYNC109  gRPC's own
        """Its own description (GetMetadataResponse): components that work, subscriptions; within seconds."""
        return await self._call(self.api.GetMetadata, api_v1.GetMetadataRequest(), timeout, _UNTRACED)

    async def close(self) -> None:
        """Closes the channel."""
        await self._channel.close()


def _metadata(parent: str | None) -> tuple[tuple[str, str], ...]:
    token = dapr.DAPR_API_TOKEN
    metadata = (("dapr-api-token", token),) if token else ()
    return (*metadata, ("traceparent", parent)) if parent else metadata
