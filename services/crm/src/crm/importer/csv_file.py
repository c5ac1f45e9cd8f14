"""The CSV file of the customers to begin with: all rows of it are good, or none is used."""

import asyncio
from array import array
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from hashlib import file_digest
from io import BufferedReader
from itertools import pairwise
from pathlib import Path
from typing import Self

from crm.importer.lines import decoded
from crm.importer.rows import Flaw, Row, read

FLAWS_KEPT = 100
"""Of a file with a million flaws the first are enough to see what is wrong with it."""


NAMED = 5
"""Connections that several rows share are told by so many examples, each with so many lines."""


TURN = 1000
"""Rows that are checked before others have a turn."""

PARTS = 4
"""In which numbers are looked through for what is there more than once."""


class FlawedFileError(ValueError):
    """A CSV file of which nothing is used; `flaws` has the first reasons, the message how many."""

    def __init__(self, path: Path, flaws: tuple[Flaw, ...], found: int) -> None:
        super().__init__(f"{path}: nothing was imported, {found} flaws found")
        self.flaws = flaws


@dataclass(frozen=True, slots=True)
class Contents:
    """What is known of a file without a flaw: number of rows, highest id (0: there is none), how many rows have no
    id, how many share their connection with another, how many connections those are, and of the first of these the
    lines of the first rows, by the first line."""

    rows: int
    highest_id: int
    without_id: int
    sharing: int
    shared: int
    first_shared: Mapping[int, tuple[int, ...]]


class CustomersFile:
    """The open file. The names in its header line are the names of the properties.

    It is read more than once, row by row, so that a million rows need little memory.
    """

    def __init__(self, path: Path, file: BufferedReader) -> None:
        self._path = path
        self._file = file
        self.digest = file_digest(file, "sha256").hexdigest()

    @classmethod
    @contextmanager
    def opened(cls, path: Path) -> Iterator[Self]:
        """The file at `path`. Raises FlawedFileError."""
        with ExitStack() as stack:
            try:
                opened = cls(path, stack.enter_context(path.open("rb")))
            except OSError as error:
                flaw = Flaw(None, None, error.strerror or str(error))
                raise FlawedFileError(path, (flaw,), 1) from None
            yield opened

    async def check(self) -> Contents:
        """Read all rows, and let others have a turn in between. Raises FlawedFileError."""
        flaws, found = list[Flaw](), 0
        rows, ids, lines, connections = 0, array("q"), array("I"), array("q")
        for each in self._read():
            if isinstance(each, Flaw):
                found += 1
                if len(flaws) < FLAWS_KEPT:
                    flaws.append(each)
                continue
            rows += 1
            if rows % TURN == 0:
                await asyncio.sleep(0)
            connections.append(hash(each.details.connection_id))
            lines.append(each.line)
            ids.append(each.customer_id or 0)
        for flaw in _repeated_ids(ids, lines):
            found += 1
            flaws.append(flaw)
        if found:
            raise FlawedFileError(self._path, tuple(flaws[:FLAWS_KEPT]), found)
        return Contents(rows, max(ids, default=0), ids.count(0), *_sharing(connections, lines))

    def rows(self) -> Iterator[Row]:
        """All rows, of a file that was checked. Raises FlawedFileError where it has changed since."""
        for each in self._read():
            if isinstance(each, Flaw):
                raise FlawedFileError(self._path, (each,), 1)
            yield each

    def _read(self) -> Iterator[Row | Flaw]:
        try:
            yield from read(decoded(self._file))
        except OSError as error:
            yield Flaw(None, None, error.strerror or str(error))


def _repeated(numbers: "array[int]") -> frozenset[int]:
    found = set[int]()
    # Sorted all at once they would take five times the memory of the array.
    for part in range(PARTS):
        some = sorted(number for number in numbers if number % PARTS == part)
        found.update(one for one, next_one in pairwise(some) if one == next_one)
    return frozenset(found)


def _repeated_ids(ids: "array[int]", lines: "array[int]") -> Iterator[Flaw]:
    first: dict[int, int] = {}
    repeated = _repeated(ids) - {0}
    for customer_id, line in zip(ids, lines, strict=True):
        if customer_id in repeated and (taken := first.setdefault(customer_id, line)) != line:
            yield Flaw(line, "customerId", f"{customer_id} is already taken by line {taken}")


def _sharing(connections: "array[int]", lines: "array[int]") -> tuple[int, int, Mapping[int, tuple[int, ...]]]:
    repeated = _repeated(connections)
    rows, first = 0, dict[int, list[int]]()
    for connection, line in zip(connections, lines, strict=True):
        if connection not in repeated:
            continue
        rows += 1
        if len(first) < NAMED:
            first.setdefault(connection, [])
        if connection in first and len(first[connection]) < NAMED:
            first[connection].append(line)
    return rows, len(repeated), {named[0]: tuple(named) for named in first.values()}
