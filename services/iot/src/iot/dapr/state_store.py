"""The read model in a Dapr state store.

Every key is written so that of two who make it the second is refused, and of two who change it,
too. How that is asked for depends on how many are written, and on the store: see `_way`.
"""

from asyncio import Lock
from collections.abc import Iterable, Sequence
from typing import Any, Final

from dapr.proto import api_v1, common_v1

from iot.dapr.sidecar import Sidecar, SidecarError
from iot.domain.mandate import Mandate
from iot.readmodel.coalesce import Gatherer
from iot.readmodel.keys import key_of
from iot.readmodel.record import decode, encode
from iot.readmodel.store import RefusedError, StoreAwayError, Stored

READ_AT_ONCE: Final = 32
"""Keys that the sidecar reads at a time from a store that reads one by one, as Redis."""

READY_KEY: Final = "_ready"
"""Never written, and never the key of a connection: `_` is always encoded in those."""

NO_ETAG_OF_REDIS: Final = "-1"
"""Redis's etags count from 1."""

_FIRST_WRITE: Final = common_v1.StateOptions.StateConcurrency.CONCURRENCY_FIRST_WRITE


class DaprStore:
    """The store port (readmodel/store.py) over one state component."""

    def __init__(self, component: str, sidecar: Sidecar) -> None:
        self._component = component
        self._sidecar = sidecar
        self._gathered = Gatherer(self.read_many)
        self._writing = Lock()
        self._redis = False
        """Whether the store was Redis when last asked, and has refused nothing since."""

    async def get(self, connection_id: str) -> Mandate | None:
        """See Store.get."""
        return (await self._gathered.read(connection_id)).mandate

    async def check(self) -> None:
        """See Store.check."""
        await self._read(READY_KEY, self._sidecar.query_timeout)

    async def _read(self, key: str, seconds: float) -> Stored:
        request = api_v1.GetStateRequest(store_name=self._component, key=key)
        try:
            reply = await self._sidecar.call(self._sidecar.api.GetState, request, seconds)
        except SidecarError as error:
            raise StoreAwayError(str(error)) from error
        return Stored(decode(reply.data), reply.etag or None)

    async def read_many(self, connection_ids: Sequence[str]) -> dict[str, Stored]:
        """See Store.read_many."""
        return await self._read_many(connection_ids, self._sidecar.query_timeout)

    async def get_many(self, connection_ids: Sequence[str]) -> dict[str, Stored]:
        """See Store.get_many."""
        return await self._read_many(connection_ids, self._sidecar.delivery_timeout)

    async def _read_many(self, connection_ids: Sequence[str], seconds: float) -> dict[str, Stored]:
        if len(connection_ids) == 1:
            return {connection_ids[0]: await self._read(key_of(connection_ids[0]), seconds)}
        ids = {key_of(id_): id_ for id_ in connection_ids}
        request = api_v1.GetBulkStateRequest(store_name=self._component, keys=ids, parallelism=READ_AT_ONCE)
        try:
            reply = await self._sidecar.call(self._sidecar.api.GetBulkState, request, seconds)
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
        items = list(changes)
        try:
            transaction, etag_of_new = await self._way(items)
            if transaction:
                request = api_v1.ExecuteStateTransactionRequest(storeName=self._component)
                for mandate, etag in items:
                    operation = request.operations.add()
                    operation.operationType = "upsert"
                    _fill(operation.request, mandate, etag or etag_of_new)
                async with self._writing:
                    await self._sidecar.call(
                        self._sidecar.api.ExecuteStateTransaction, request, self._sidecar.delivery_timeout
                    )
            else:
                request = api_v1.SaveStateRequest(store_name=self._component)
                for mandate, etag in items:
                    _fill(request.states.add(), mandate, etag or etag_of_new)
                await self._sidecar.call(self._sidecar.api.SaveState, request, self._sidecar.delivery_timeout)
        except SidecarError as error:
            self._redis = False
            raise (StoreAwayError if error.away else RefusedError)(str(error)) from error

    async def _way(self, items: Sequence[tuple[Mandate, str | None]]) -> tuple[bool, str | None]:
        """Whether to write in a transaction (there is more than one item, and the store has them), and
        the etag of what is new, by which it will not overwrite what somebody else makes first.

        First-write without an etag says so, but Redis forgets it in a transaction (its Multi does not
        hand it to the script that sets a key:
        https://github.com/dapr/components-contrib/blob/v1.18.3/state/redis/redis.go), and then takes
        a key that was made in one for anybody's. But Redis takes any etag for a key that is not
        there, and refuses a wrong one for a key that is: so there, a new key is given an etag that
        does not occur.

        Which store it is, is asked, for a component can be changed while the sidecar runs. Only that
        it is Redis is remembered, until a write fails: whoever believes so in error is refused.
        """
        many = len(items) > 1
        if not many and items[0][1] is not None:
            return False, None
        if self._redis:
            return many, NO_ETAG_OF_REDIS
        component = await self._component_now()
        self._redis = component.type == "state.redis"
        return many and "TRANSACTIONAL" in component.capabilities, NO_ETAG_OF_REDIS if self._redis else None

    async def _component_now(self) -> Any:
        about = await self._sidecar.about(self._sidecar.delivery_timeout)
        for component in about.registered_components:
            if component.name == self._component:
                return component
        raise StoreAwayError(f"the sidecar is without its component {self._component}")


def _fill(item: Any, mandate: Mandate, etag: str | None) -> None:
    """Make a StateItem, where it is to be, of a mandate: with one that is copied there this takes thrice as long."""
    item.key = key_of(mandate.connection_id)
    item.value = encode(mandate)
    item.options.concurrency = _FIRST_WRITE
    if etag is not None:
        item.etag.value = etag
