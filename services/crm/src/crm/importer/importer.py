"""Stores the customers of the CSV file that the store does not have yet."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Generator, Iterator, Sequence
from contextlib import closing
from itertools import islice
from time import monotonic
from typing import Protocol, TypeVar

from crm.domain.change import Accepted, Change
from crm.domain.customers import StoreUnavailableError
from crm.domain.ledger import Outcome
from crm.domain.progress import Progress
from crm.importer.csv_file import Contents, CustomersFile
from crm.importer.rows import Row

T = TypeVar("T")

log = logging.getLogger(__name__)

ROWS_AT_ONCE = 1000
"""Rows a transaction: enough to make it cheap, and few enough to let the API answer in between."""

SAID_EVERY = 5.0
"""Seconds between two lines in the log."""

PAUSE = 1.0
"""Seconds until rows are stored again when the store was away."""


class Store(Protocol):
    """The store, as far as an import needs it. Every method may raise StoreError."""

    async def has_imported(self, digest: str) -> bool:
        """Whether the file with this digest was imported, every row of it."""

    async def begin_import(self, digest: str, highest_id: int) -> bool:
        """Give new customers no id up to this one; whether there are no customers but those of this file."""

    async def accept_all(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        """Store `changes`, in this order, with their events, in one transaction."""

    async def end_import(self, digest: str) -> None:
        """Keep that every row of the file was imported."""


class Import:
    """The import of one file. Killed half way, the next start goes on where it ended.

    A row whose id is taken is left out: the store knows better than the file. A row without an id gets
    one above all of the file when that fills an empty store; into another it is not imported, since
    nothing would tell whether it was before.
    """

    def __init__(self, file: CustomersFile, store: Store, progress: Progress) -> None:
        self._file = file
        self._store = store
        self._progress = progress
        self._added = 0
        self._left_out = 0

    async def prepare(self) -> Contents | None:
        """What is to be imported, None if all of the file was.

        Raises FlawedFileError, StoreUnavailableError.
        """
        if await self._store.has_imported(self._file.digest):
            self._progress.finished = True
            return None
        contents = await self._file.check()
        self._progress.total = contents.rows
        return contents

    async def run(self, contents: Contents) -> None:
        """Store the rows, however long the store is away. Raises FlawedFileError."""
        highest_id = contents.highest_id + contents.without_id
        fills = await _patiently(lambda: self._store.begin_import(self._file.digest, highest_id))
        rows = _warned(self._file.rows(), contents)
        with closing(self._changes(rows, contents.highest_id if fills else None)) as changes:
            await self._store_all(changes)
        await _patiently(lambda: self._store.end_import(self._file.digest))
        self._progress.finished = True
        self._say("customers imported")

    def _changes(self, rows: Iterator[Row], last_id: int | None) -> Generator[Change, None, None]:
        """Rows without an id get those after `last_id`, or are left out where that is None."""
        for row in rows:
            if row.customer_id:
                yield Change(row.details, row.customer_id)
            elif last_id is not None:
                last_id += 1
                yield Change(row.details, last_id)
            else:
                self._left_out += 1
                self._progress.rows += 1

    async def _store_all(self, changes: Iterator[Change]) -> None:
        began = said = monotonic()
        while chunk := list(islice(changes, ROWS_AT_ONCE)):
            # A chunk of which nobody knows whether it was stored does no harm when it comes again.
            outcomes = await _patiently(lambda: self._store.accept_all(chunk))
            self._added += sum(isinstance(each, Accepted) for each in outcomes)
            self._progress.rows += len(chunk)
            if monotonic() - said > SAID_EVERY:
                said = monotonic()
                left = (self._progress.total - self._progress.rows) * (said - began) / self._progress.rows
                self._say("customers are being imported", secondsLeft=round(left))

    def _say(self, message: str, **fields: int) -> None:
        rows, total = self._progress.rows, self._progress.total
        known = rows - self._added - self._left_out
        counted = {"rows": rows, "of": total, "customers": self._added, "known": known, "withoutId": self._left_out}
        log.info(message, extra=counted | fields)


def _warned(rows: Iterator[Row], contents: Contents) -> Iterator[Row]:
    """`rows`; the connections that several of them share are warned of when the first of these are known by name."""
    named = dict[str, tuple[int, ...]]()
    for row in rows:
        if row.line in contents.first_shared:
            named[row.details.connection_id] = contents.first_shared[row.line]
            if len(named) == len(contents.first_shared):
                message = "rows of the file share a connection: the last of them speaks for it"
                shared = {"rows": contents.sharing, "connections": contents.shared, "lines": named}
                log.warning(message, extra=shared)
        yield row


async def _patiently(work: Callable[[], Awaitable[T]]) -> T:
    while True:
        try:
            return await work()
        except StoreUnavailableError as error:
            log.warning("store not available, the import waits", extra={"reason": str(error)})
            await asyncio.sleep(PAUSE)
