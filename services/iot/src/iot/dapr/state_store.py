"""The read model in a Dapr state store.

Every key is written so that of two who make it the second is refused, and of two who change it, too.
"""

from asyncio import Lock
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from dapr.proto import api_v1, common_v1

from iot.dapr.capabilities import Capabilities, capabilities
from iot.dapr.sidecar import Sidecar, SidecarError
from iot.domain.mandate import Mandate
from iot.readmodel.coalesce import Coalescer
from iot.readmodel.keys import key_of
from iot.readmodel.record import decode, encode
from iot.readmodel.store import RefusedError, StoreAwayError, Stored

READ_AT_ONCE: Final = 32
"""Keys that the sidecar reads at a time from a store that reads one by one."""

_FIRST_WRITE: Final = common_v1.StateOptions.StateConcurrency.CONCURRENCY_FIRST_WRITE


class DaprStore:
    """The store port (readmodel/store.py) over one state component."""

    def __init__(self, component: str, sidecar: Sidecar) -> None:
        self._component = component
        self._sidecar = sidecar
        self._coalescer = Coalescer(self.get_many)
        self._writing = Lock()
        self._remembered: Capabilities | None = None
        self._asked = False

    async def get(self, connection_id: str) -> Mandate | None:
        """See Store.get."""
        return (await self._coalescer.read(connection_id)).mandate

    async def get_many(self, connection_ids: Sequence[str], *, to_write: bool = False) -> dict[str, Stored]:
        """See Store.get_many."""
        seconds = self._sidecar.delivery_timeout if to_write else self._sidecar.query_timeout
        try:
            if len(connection_ids) == 1:
                return {connection_ids[0]: await self._read(connection_ids[0], seconds)}
            return await self._read_many(connection_ids, seconds)
        except SidecarError as error:
            raise StoreAwayError(str(error)) from error

    async def _read(self, connection_id: str, seconds: float) -> Stored:
        request = api_v1.GetStateRequest(store_name=self._component, key=key_of(connection_id))
        reply = await self._sidecar.call(self._sidecar.api.GetState, request, seconds)
        return Stored(decode(reply.data), reply.etag or None)

    async def _read_many(self, connection_ids: Sequence[str], seconds: float) -> dict[str, Stored]:
        ids = {key_of(id_): id_ for id_ in connection_ids}
        request = api_v1.GetBulkStateRequest(store_name=self._component, keys=ids, parallelism=READ_AT_ONCE)
        reply = await self._sidecar.call(self._sidecar.api.GetBulkState, request, seconds)
        found = dict.fromkeys(connection_ids, Stored())
        for item in reply.items:
            # With the store down the call itself succeeds, and each item bears the error.
            if item.error:
                raise StoreAwayError(item.error)
            found[ids[item.key]] = Stored(decode(item.data), item.etag or None)
        return found

    async def save(self, changes: Iterable[tuple[Mandate, str | None]]) -> Mapping[str, str]:
        """See Store.save. Many go in one transaction where the store has them: it takes a third of the time so."""
        items = list(changes)
        try:
            if len(items) == 1 and items[0][1] and self._asked:
                can = self._remembered
                await self._save(items, None)
            else:
                can = await self._capabilities()
                if len(items) > 1 and can.transactions:
                    await self._save_together(items, can.etag_of_new)
                else:
                    await self._save(items, can.etag_of_new)
        except SidecarError as error:
            self._remembered, self._asked = None, False
            raise (StoreAwayError if error.away else RefusedError)(str(error)) from error
        if not (can and can.counting):
            return {}
        return {mandate.connection_id: str(int(etag or 0) + 1) for mandate, etag in items}

    async def _save(self, items: Sequence[tuple[Mandate, str | None]], etag_of_new: str | None) -> None:
        request = api_v1.SaveStateRequest(store_name=self._component)
        for mandate, etag in items:
            _fill(request.states.add(), mandate, etag or etag_of_new)
        await self._sidecar.call(self._sidecar.api.SaveState, request, self._sidecar.delivery_timeout)

    async def _save_together(self, items: Sequence[tuple[Mandate, str | None]], etag_of_new: str | None) -> None:
        request = api_v1.ExecuteStateTransactionRequest(storeName=self._component)
        for mandate, etag in items:
            operation = request.operations.add()
            operation.operationType = "upsert"
            _fill(operation.request, mandate, etag or etag_of_new)
        # One at a time: two that insert can end in deadlocks.
        async with self._writing:
            await self._sidecar.call(self._sidecar.api.ExecuteStateTransaction, request, self._sidecar.delivery_timeout)

    async def _capabilities(self) -> Capabilities:
        """Asked each time, for a component can be changed while the sidecar runs.

        Only where a new key needs an etag they are remembered, until a write fails: whoever believes so in
        error is refused.
        """
        if self._remembered:
            return self._remembered
        about = await self._sidecar.about(self._sidecar.delivery_timeout)
        for component in about.registered_components:
            if component.name == self._component:
                can = capabilities(component)
                self._remembered, self._asked = can if can.etag_of_new else None, True
                return can
        raise StoreAwayError(f"the sidecar is without its component {self._component}")


def _fill(item: Any, mandate: Mandate, etag: str | None) -> None:
    """Make a StateItem, where it is to be, of a mandate: with one that is copied there this takes thrice as long."""
    item.key = key_of(mandate.connection_id)
    item.value = encode(mandate)
    item.options.concurrency = _FIRST_WRITE
    if etag is not None:
        item.etag.value = etag
