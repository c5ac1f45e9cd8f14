"""The read model in a Dapr state store.

Every key is written so that of two who make it the second is refused, and of two who change it,
too. How that is asked for depends on how many are written, and on the store: see `_Changes`.
"""

from asyncio import Lock
from collections.abc import Iterable, Sequence
from typing import Final

from dapr.proto import api_v1, common_v1

from iot.connection import key_of
from iot.gather import Gatherer
from iot.mandate import Mandate
from iot.record import decode, encode
from iot.sidecar import Sidecar, SidecarError
from iot.store import RefusedError, StoreAwayError, Stored

READ_AT_ONCE: Final = 32
"""Keys that the sidecar reads at a time from a store that reads one by one, as Redis."""

READY_KEY: Final = "_ready"
"""Never written, and never the key of a connection: `_` is always encoded in those."""

NO_ETAG_OF_REDIS: Final = "-1"
"""Redis's etags count from 1."""

_FIRST_WRITE: Final = common_v1.StateOptions(
    concurrency=common_v1.StateOptions.StateConcurrency.CONCURRENCY_FIRST_WRITE
)


class DaprState:
    """The store port (store.py) over one state component."""

    def __init__(self, component: str, sidecar: Sidecar) -> None:
        self._component = component
        self._sidecar = sidecar
        self._gathered = Gatherer(self.get_many)
        self._writing = Lock()

    async def get(self, connection_id: str) -> Mandate | None:
        """See Store.get."""
        return (await self._gathered.read(connection_id)).mandate

    async def check(self) -> None:
        """See Store.check."""
        await self._read(READY_KEY)

    async def _read(self, key: str) -> Stored:
        request = api_v1.GetStateRequest(store_name=self._component, key=key)
        try:
            reply = await self._sidecar.call(self._sidecar.api.GetState, request)
        except SidecarError as error:
            raise StoreAwayError(str(error)) from error
        return Stored(decode(reply.data), reply.etag or None)

    async def get_many(self, connection_ids: Sequence[str]) -> dict[str, Stored]:
        """See Store.get_many."""
        if len(connection_ids) == 1:
            return {connection_ids[0]: await self._read(key_of(connection_ids[0]))}
        ids = {key_of(id_): id_ for id_ in connection_ids}
        request = api_v1.GetBulkStateRequest(store_name=self._component, keys=ids, parallelism=READ_AT_ONCE)
        try:
            reply = await self._sidecar.call(self._sidecar.api.GetBulkState, request)
        except SidecarError as error:
            raise StoreAwayError(str(error)) from error
        found = dict.fromkeys(connection_ids, Stored())
        for item in reply.items:
            # With the store down the call itself succeeds, and each item bears the error.
            if item.error:
                raise StoreAwayError(item.error)
            found[ids[item.key]] = Stored(decode(item.data), item.etag or None)
        return found

    async def save(self, changes: Iterable[tuple[Mandate, str | None]]) -> None:
        """See Store.save. Many go in one transaction where the store has them.

        A thousand take Redis a quarter of the time so, and MariaDB a third. One transaction at a time:
        two that insert end in deadlocks in MariaDB's default isolation.
        """
        items = [_item(mandate, etag) for mandate, etag in changes]
        try:
            if await self._prepare(items):
                operations = [api_v1.TransactionalStateOperation(operationType="upsert", request=i) for i in items]
                request = api_v1.ExecuteStateTransactionRequest(storeName=self._component, operations=operations)
                async with self._writing:
                    await self._sidecar.call(self._sidecar.api.ExecuteStateTransaction, request)
            else:
                request = api_v1.SaveStateRequest(store_name=self._component, states=items)
                await self._sidecar.call(self._sidecar.api.SaveState, request)
        except SidecarError as error:
            raise (StoreAwayError if error.away else RefusedError)(str(error)) from error

    async def _prepare(self, items: Sequence[common_v1.StateItem]) -> bool:
        """Makes sure that what is new will not overwrite what somebody else makes first.

        First-write without an etag says so, but Redis forgets it in a transaction (its Multi does not
        hand it to the script that sets a key:
        https://github.com/dapr/components-contrib/blob/v1.18.3/state/redis/redis.go), and then takes
        a key that was made in one for anybody's. But Redis takes any etag for a key that is not
        there, and refuses a wrong one for a key that is: so there, a new key is given an etag that
        does not occur. Which store it is, is asked each time: a component can be changed while the
        sidecar runs.

        Returns whether to write in a transaction: there is more than one item, and the store has them.
        """
        new = [item for item in items if not item.etag.value]
        if not new and len(items) == 1:
            return False
        about = await self._sidecar.about()
        component = next((each for each in about.registered_components if each.name == self._component), None)
        if component is None:
            raise StoreAwayError(f"the sidecar is without its component {self._component}")
        if component.type == "state.redis":
            for item in new:
                item.etag.value = NO_ETAG_OF_REDIS
        return len(items) > 1 and "TRANSACTIONAL" in component.capabilities


def _item(mandate: Mandate, etag: str | None) -> common_v1.StateItem:
    return common_v1.StateItem(
        key=key_of(mandate.connection_id),
        value=encode(mandate),
        etag=None if etag is None else common_v1.Etag(value=etag),
        options=_FIRST_WRITE,
    )
