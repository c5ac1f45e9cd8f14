"""The service's ports in memory: they behave as Dapr's do, and can be made to misbehave."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from starlette.types import ASGIApp, Receive, Scope, Send

from iot.api.probes import Subscription
from iot.consumer.dead_letters import DeadLetter
from iot.domain.mandate import Mandate
from iot.main import create_app, state_over
from iot.observability.metrics import Metrics
from iot.readmodel.store import RefusedError, StoreAwayError, Stored
from iot.settings import Settings


class MemoryStore:
    """Etags as in Redis: a number that each write raises; no etag only where nothing is stored."""

    def __init__(self) -> None:
        self.stored: dict[str, Stored] = {}
        self.away = False
        self.reads = 0
        """Of many, that is: before a write."""
        self.writes = 0
        self.refusals = 0
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

    async def get_many(self, connection_ids: Sequence[str], *, to_write: bool = False) -> dict[str, Stored]:
        self.reads += to_write
        await self.check()
        return {id_: self.stored.get(id_, Stored()) for id_ in connection_ids}

    async def save(self, changes: Iterable[tuple[Mandate, str | None]]) -> Mapping[str, str]:
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
            self.refusals += 1
            raise RefusedError("ABORTED: possible etag mismatch")
        return {mandate.connection_id: str(int(etag or 0) + 1) for mandate, etag in changes}


class MemoryDeadLetters:
    """The newest letter of each id, as on a compacted topic."""

    def __init__(self) -> None:
        self.letters: dict[str, DeadLetter] = {}
        self.away = False
        self.refused: set[str] = set()
        """Ids of those that are never acknowledged."""

    async def publish(self, letters: Sequence[DeadLetter]) -> Mapping[str, str]:
        lost = {letter.id: "not acknowledged" for letter in letters if self.away or letter.id in self.refused}
        self.letters |= {letter.id: letter for letter in letters if letter.id not in lost}
        return lost

    def reasons(self) -> list[str]:
        return [letter.reason for letter in self.letters.values()]


class MemoryStatus:
    """Says what it is told to."""

    def __init__(self) -> None:
        self.reason: str | None = None
        self.sidecar = True

    async def look(self) -> Subscription:
        return Subscription(self.sidecar, self.reason)


def app_over(store: MemoryStore, dead_letters: MemoryDeadLetters, status: MemoryStatus, settings: Settings) -> ASGIApp:
    """The application over these, as a server serves it that has run another lifespan."""
    app = create_app()
    state = state_over(store, dead_letters, status, Metrics(), settings)

    async def served(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, "state": {**state}}, receive, send)

    return served
