"""A store whose calls are measured."""

from collections.abc import Iterable, Sequence

from iot.domain.mandate import Mandate
from iot.observability.metrics import Metrics
from iot.readmodel.store import RefusedError, Store, Stored


class MeasuredStore:
    """The store port (store.py) over another store: what a delivery asks of it is timed."""

    def __init__(self, store: Store, metrics: Metrics) -> None:
        self._store = store
        self._metrics = metrics

    async def get(self, connection_id: str) -> Mandate | None:
        """See Store.get."""
        return await self._store.get(connection_id)

    async def check(self) -> None:
        """See Store.check."""
        await self._store.check()

    async def read_many(self, connection_ids: Sequence[str]) -> dict[str, Stored]:
        """See Store.read_many."""
        return await self._store.read_many(connection_ids)

    async def get_many(self, connection_ids: Sequence[str]) -> dict[str, Stored]:
        """See Store.get_many."""
        with self._metrics.store("read"):
            return await self._store.get_many(connection_ids)

    async def save(self, changes: Iterable[tuple[Mandate, str | None]]) -> None:
        """See Store.save."""
        with self._metrics.store("write"):
            try:
                await self._store.save(changes)
            except RefusedError:
                self._metrics.refused()
                raise
