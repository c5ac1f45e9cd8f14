"""Stores the customers of the CSV file that the store does not have yet."""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Generator, Iterator
from contextlib import closing
from itertools import islice
from time import monotonic
from typing import TypeVar

from crm.domain.change import Accepted, Change, NoIdLeftError, RequestKey
from crm.domain.customers import StoreUnavailableError
from crm.domain.progress import Progress
from crm.importer.csv_file import Contents, CustomersFile
from crm.importer.rows import Flaw, Row, short
from crm.store.customers import Store

T = TypeVar("T")

log = logging.getLogger(__name__)

ROWS_AT_ONCE = 1000
"""Rows a transaction: enough to make it cheap, and few enough to let the API answer in between."""

SAID_EVERY = 5.0
"""Seconds between two lines in the log."""

PAUSE = 1.0
"""Seconds until rows are stored again when the store was away."""


class Import:
    """The import of one file. Killed half way, the next start goes on where it ended.

    A row whose id is taken is left out: the store knows better than the file. A row without an id
    gets the next one above all of store and file, once: it is known again by what is in it, and by
    how many rows before it are the same.
    """

    def __init__(self, file: CustomersFile, store: Store, progress: Progress) -> None:
        self._file = file
        self._store = store
        self._progress = progress
        self._added = 0

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
        await _patiently(lambda: self._store.reserve(contents.highest_id))
        rows = _warned(self._file.rows(), contents)
        with closing(_changes(rows, contents)) as changes:
            await self._store_all(changes, contents.rows)
        await _patiently(lambda: self._store.note_imported(self._file.digest))
        self._progress.finished = True
        self._say("customers imported")

    async def _store_all(self, changes: Iterator[Change], total: int) -> None:
        began = said = monotonic()
        while chunk := list(islice(changes, ROWS_AT_ONCE)):
            # A chunk of which nobody knows whether it was stored does no harm when it comes again.
            outcomes = await _patiently(lambda: self._store.accept_all(chunk))
            if any(isinstance(each, NoIdLeftError) for each in outcomes):
                raise self._file.refused(Flaw(None, "customerId", f"{NoIdLeftError()}; give each row one that is free"))
            self._added += sum(isinstance(each, Accepted) and not each.replayed for each in outcomes)
            self._progress.rows += len(chunk)
            if monotonic() - said > SAID_EVERY:
                said = monotonic()
                left = (total - self._progress.rows) * (said - began) / self._progress.rows
                self._say("customers are being imported", secondsLeft=round(left))

    def _say(self, message: str, **fields: int) -> None:
        known = self._progress.rows - self._added
        counted = {"rows": self._progress.rows, "of": self._progress.total, "customers": self._added, "known": known}
        log.info(message, extra=counted | fields)


def _warned(rows: Iterator[Row], contents: Contents) -> Iterator[Row]:
    """`rows`; the connections that several of them share are warned of when the first of these are known by name."""
    named = dict[str, tuple[int, ...]]()
    for row in rows:
        if row.line in contents.first_shared:
            named[row.details.connection_id] = contents.first_shared[row.line]
            if len(named) == len(contents.first_shared):
                fields = {"rows": contents.sharing, "connections": contents.shared, "lines": named}
                message = "rows of the file share a connection: the last of them speaks for it"
                log.warning(message, extra=fields)
        yield row


def _changes(rows: Iterator[Row], contents: Contents) -> Generator[Change, None, None]:
    seen = Counter[str]()
    for row in rows:
        if row.customer_id:
            yield Change(row.details, row.customer_id)
            continue
        digest = row.digest()
        # Few digests are repeated, and only those need to be counted.
        key = RequestKey(f"\n{digest} {seen[digest]}", digest, lasting=True)
        if short(digest) in contents.repeated:
            seen[digest] += 1
        yield Change(row.details, key=key)


async def _patiently(work: Callable[[], Awaitable[T]]) -> T:
    while True:
        try:
            return await work()
        except StoreUnavailableError as error:
            log.warning("store not available, the import waits", extra={"reason": str(error)})
            await asyncio.sleep(PAUSE)
