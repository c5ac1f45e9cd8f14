"""The SQL database behind the store and the outbox."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from queue import SimpleQueue
from time import monotonic
from typing import Any, Self, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from crm.domain.customers import OutcomeUnknownError, StoreUnavailableError, StoreUnfitError
from crm.store import tables
from crm.store.dialect import create_engine, is_in_memory, refuses_for_good

T = TypeVar("T")

PATIENCE = 30.0
"""Seconds after which a transaction is given up, from when it was asked for."""

MOST_WAITING = 2000
"""Transactions that may wait for their turn; many times what any load has brought about."""

LAST_TURN = 1.0
"""Seconds that transactions under way are given when the database is closed."""

_FAILURES = (SQLAlchemyError, OSError, EOFError)


@dataclass(slots=True, eq=False)
class _Turn:
    """How far a transaction is. Each side writes one of the two and then reads the other, so that it cannot be
    committed when who asked was told that it was not."""

    given_up: bool = False
    committing: bool = False


class Database:
    """One connection, kept open, and opened again when it was lost.

    In memory a transaction runs where it is asked for: it is over before a thread would hear of it. A file
    and a server may be slow, so a thread runs their transactions, one after the other.
    """

    def __init__(self, url: str, patience: float = PATIENCE) -> None:
        """At a SQLAlchemy URL; opened as a context."""
        self._url = url
        self._patience = patience
        self._engine: Engine | None = None
        self._connection: Connection | None = None
        self._thread: _Thread | None = None

    async def __aenter__(self) -> Self:
        """Opened, with its tables. Raises StoreUnavailableError, StoreUnfitError."""
        try:
            self._engine = create_engine(self._url, self._patience)
        except (SQLAlchemyError, ImportError, ValueError) as error:
            raise StoreUnavailableError(f"the database cannot be opened: {_reason(error)}") from error
        if not is_in_memory(self._engine.url):
            self._thread = _Thread()
        try:
            await self.run(tables.create)
        except BaseException as error:
            await self.__aexit__()
            if isinstance(error, StoreUnavailableError):
                raise StoreUnavailableError(f"the database cannot be opened: {error}") from error
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """Let no transaction begin any more; a server that is silent does not hold up a stop."""
        engine, self._engine = self._engine, None
        if engine is None:
            return

        def disconnect() -> None:
            if self._connection is not None:
                with suppress(*_FAILURES):
                    self._connection.close()
            engine.dispose()

        if self._thread is None:
            disconnect()
        else:
            await self._thread.end(disconnect, LAST_TURN, StoreUnavailableError("the service stops"))

    async def run(
        self, work: Callable[[Connection], T], *, since: float | None = None, within: float | None = None
    ) -> T:
        """What `work` returns, run in a transaction of its own that an exception rolls back.

        Given up, with nothing stored, `within` so many seconds (by default the patience of this database)
        after `since` (by time.monotonic, by default now): to wait for the turn counts. A caller that is
        cancelled leaves the transaction to its end. Raises StoreUnavailableError, StoreUnfitError.
        """
        if self._engine is None:
            raise StoreUnavailableError("the database is not open")
        turn = _Turn()
        if self._thread is None:
            return self._transact(work, turn)
        if self._thread.asked >= MOST_WAITING:
            raise StoreUnavailableError(f"{MOST_WAITING} others wait for the database")
        deadline = (since or monotonic()) + (within or self._patience)
        try:
            async with asyncio.timeout(deadline - monotonic()):
                return await asyncio.shield(self._thread.ask(lambda: self._transact(work, turn)))
        except TimeoutError:
            turn.given_up = True
            kind = OutcomeUnknownError if turn.committing else StoreUnavailableError
            raise kind("no answer in time") from None

    def _transact(self, work: Callable[[Connection], T], turn: _Turn) -> T:
        try:
            if turn.given_up or self._engine is None:
                raise StoreUnavailableError("given up before its turn")
            if self._connection is None:
                self._connection = self._engine.connect()
            with self._connection.begin():
                result = work(self._connection)
                turn.committing = True
                if turn.given_up:
                    turn.committing = False
                    raise StoreUnavailableError("given up before it was committed")
            return result
        except _FAILURES as error:
            if refuses_for_good(error):
                raise StoreUnfitError(f"the database is not as CRM needs it: {_reason(error)}") from error
            lost = self._connection is not None and self._connection.invalidated
            kind = OutcomeUnknownError if turn.committing and lost else StoreUnavailableError
            raise kind(_reason(error)) from error


@dataclass(slots=True, eq=False)
class _Thread:
    """Does one job after the other. An executor's thread would be waited for when the process ends, however
    silent the server is that it waits for itself."""

    _jobs: "SimpleQueue[tuple[Callable[[], Any], asyncio.Future[Any]] | None]" = field(default_factory=SimpleQueue)
    _answers: set["asyncio.Future[Any]"] = field(default_factory=set)

    def __post_init__(self) -> None:
        threading.Thread(target=self._work, daemon=True).start()

    @property
    def asked(self) -> int:
        """How many jobs are not done yet."""
        return len(self._answers)

    def ask(self, job: Callable[[], T]) -> "asyncio.Future[T]":
        """What `job` will return."""
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._answers.add(answer)
        answer.add_done_callback(self._answers.discard)
        answer.add_done_callback(asyncio.Future.exception)  # nobody may wait for it any more
        self._jobs.put((job, answer))
        return answer

    async def end(self, last: Callable[[], None], seconds: float, otherwise: Exception) -> None:
        """Do all jobs, and the last; those that are not done in time are told `otherwise`."""
        self.ask(last)
        self._jobs.put(None)
        _, late = await asyncio.wait(set(self._answers), timeout=seconds)
        for answer in late:
            answer.set_exception(otherwise)

    def _work(self) -> None:
        while entry := self._jobs.get():
            job, answer = entry
            result: object = None
            failure: BaseException | None = None
            try:
                result = job()
            except BaseException as error:  # whoever asked gets it
                failure = error
            with suppress(RuntimeError):  # the loop is closed
                answer.get_loop().call_soon_threadsafe(_tell, answer, result, failure)


def _tell(answer: "asyncio.Future[Any]", result: object, failure: BaseException | None) -> None:
    if answer.done():
        return
    if failure is None:
        answer.set_result(result)
    else:
        answer.set_exception(failure)


def _reason(error: BaseException) -> str:
    """What the database says, without the statement; what is in that may be about a person."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
    return str(cause) or "no answer in time"
