"""The read model in Dapr's state store. The only module that knows of Dapr.

It calls the SDK's gRPC stub rather than its DaprClient, which blocks the process up to 60 s on the
sidecar's health when it is made, has no time limit per call, and takes 10 MB more.
"""

from asyncio import Lock
from collections.abc import Iterable, Sequence
from typing import Final

import grpc.aio
from dapr.conf import settings as dapr
from dapr.proto import api_service_v1, api_v1, common_v1

from iot.connection import key_of
from iot.gather import Gatherer
from iot.mandate import Mandate
from iot.record import decode, encode
from iot.store import RefusedError, StoreAwayError, Stored
from iot.trace import trace_id, traceparent

AT_ONCE: Final = 32
"""Keys that the sidecar may work on at a time: its mysql store opens a connection for each that is
written, where MariaDB allows 151 in all, and each pair of them may end in a deadlock.
"""

READY_KEY: Final = "_ready"
"""Never written, and never the key of a connection: `_` is always encoded in those."""

_FIRST_WRITE: Final = common_v1.StateOptions(
    concurrency=common_v1.StateOptions.StateConcurrency.CONCURRENCY_FIRST_WRITE
)
_CHANNEL_OPTIONS: Final = (
    # gRPC waits up to two minutes to connect again; the sidecar next door restarts in seconds.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
)
_AWAY: Final = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)


class DaprState:
    """The store port (store.py) over one state component. Make it where an event loop runs.

    Every key is written with first-write concurrency, also the first time: Redis marks such a key
    and then refuses every write without its etag, and mysql inserts instead of replacing.
    """

    def __init__(self, component: str, grpc_port: int, timeout: float) -> None:
        """`timeout`: seconds that one call to the sidecar may take."""
        self._component = component
        self._timeout = timeout
        self._channel = grpc.aio.insecure_channel(f"127.0.0.1:{grpc_port}", _CHANNEL_OPTIONS)
        self._stub = api_service_v1.DaprStub(self._channel)  # type: ignore[no-untyped-call]
        self._gathered = Gatherer(self.get_many)
        self._writing = Lock()

    async def close(self) -> None:
        """Closes the connection to the sidecar."""
        await self._channel.close()

    async def get(self, connection_id: str) -> Mandate | None:
        """See Store.get."""
        return (await self._gathered.read(connection_id)).mandate

    async def check(self) -> None:
        """See Store.check."""
        await self._read(READY_KEY)

    async def _read(self, key: str) -> Stored:
        request = api_v1.GetStateRequest(store_name=self._component, key=key)
        try:
            reply = await self._stub.GetState(request, timeout=self._timeout, metadata=_metadata())
        except grpc.aio.AioRpcError as error:
            raise StoreAwayError(_say(error)) from error
        return Stored(decode(reply.data), reply.etag or None)

    async def get_many(self, connection_ids: Sequence[str]) -> dict[str, Stored]:
        """See Store.get_many."""
        if len(connection_ids) == 1:
            return {connection_ids[0]: await self._read(key_of(connection_ids[0]))}
        ids = {key_of(id_): id_ for id_ in connection_ids}
        request = api_v1.GetBulkStateRequest(store_name=self._component, keys=ids, parallelism=AT_ONCE)
        try:
            reply = await self._stub.GetBulkState(request, timeout=self._timeout, metadata=_metadata())
        except grpc.aio.AioRpcError as error:
            raise StoreAwayError(_say(error)) from error
        found = dict.fromkeys(connection_ids, Stored())
        for item in reply.items:
            # With the store down the call itself succeeds, and each item bears the error.
            if item.error:
                raise StoreAwayError(item.error)
            found[ids[item.key]] = Stored(decode(item.data), item.etag or None)
        return found

    async def save(self, changes: Iterable[tuple[Mandate, str | None]]) -> None:
        """See Store.save."""
        items = [
            common_v1.StateItem(
                key=key_of(mandate.connection_id),
                value=encode(mandate),
                etag=None if etag is None else common_v1.Etag(value=etag),
                options=_FIRST_WRITE,
            )
            for mandate, etag in changes
        ]
        refused = None
        async with self._writing:
            for start in range(0, len(items), AT_ONCE):
                request = api_v1.SaveStateRequest(store_name=self._component, states=items[start : start + AT_ONCE])
                try:
                    await self._stub.SaveState(request, timeout=self._timeout, metadata=_metadata())
                except grpc.aio.AioRpcError as error:
                    if error.code() in _AWAY:
                        raise StoreAwayError(_say(error)) from error
                    refused = error
        if refused:
            raise RefusedError(_say(refused)) from refused


def _metadata() -> tuple[tuple[str, str], ...]:
    """The API token, when the sidecar wants one, and the trace, when there is one."""
    token, parent = dapr.DAPR_API_TOKEN, traceparent.get()
    metadata = (("dapr-api-token", token),) if token else ()
    return (*metadata, ("traceparent", parent)) if parent and trace_id(parent) else metadata


def _say(error: grpc.aio.AioRpcError) -> str:
    return f"{error.code().name}: {error.details()}"
