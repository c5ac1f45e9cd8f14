"""A state store in memory that behaves as Dapr's do, and can be made to misbehave."""

from collections.abc import Callable, Iterable, Sequence

from iot.mandate import Mandate
from iot.store import RefusedError, StoreAwayError, Stored


class MemoryStore:
    """Etags as in Redis: a number that each write raises; no etag only where nothing is stored."""

    def __init__(self) -> None:
        self.stored: dict[str, Stored] = {}
        self.away = False
        self.writes = 0
        self.before_save: Callable[[], None] = lambda: None
        """Called between somebody's read and their write: where another writer comes in."""

    def put(self, mandate: Mandate) -> None:
        """What another writer does, unasked."""
        old = self.stored.get(mandate.connection_id, Stored()).etag or "0"
        self.stored[mandate.connection_id] = Stored(mandate, str(int(old) + 1))

    def level(self, connection_id: str) -> str | None:
        mandate = self.stored.get(connection_id, Stored()).mandate
        return mandate.level if mandate else None

    async def check(self) -> None:
        if self.away:
            raise StoreAwayError("UNAVAILABLE: connection refused")

    async def get(self, connection_id: str) -> Mandate | None:
        await self.check()
        return self.stored.get(connection_id, Stored()).mandate

    async def get_many(self, connection_ids: Sequence[str]) -> dict[str, Stored]:
        await self.check()
        return {id_: self.stored.get(id_, Stored()) for id_ in connection_ids}

    async def save(self, changes: Iterable[tuple[Mandate, str | None]]) -> None:
        changes = list(changes)
        self.before_save()
        await self.check()
        refused = False
        for mandate, etag in changes:
            if self.stored.get(mandate.connection_id, Stored()).etag == etag:
                self.put(mandate)
                self.writes += 1
            else:
                refused = True
        if refused:
            raise RefusedError("ABORTED: possible etag mismatch")
