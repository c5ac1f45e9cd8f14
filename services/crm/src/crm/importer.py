"""Reads the customers to begin with from a CSV file. All of them are good, or none is used."""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from crm.customer import Details, InvalidCustomerError, parsed_id, validated

if TYPE_CHECKING:
    import _csv

REQUIRED_COLUMNS = ("customerId", "connectionId", "connectionMandate")


@dataclass(frozen=True, slots=True)
class Flaw:
    """What is wrong and where: line number from 1, column name; None where it is about no one."""

    line: int | None
    column: str | None
    reason: str

    def __str__(self) -> str:
        where = [f"line {self.line}"] if self.line else []
        where += [self.column] if self.column else []
        return f"{', '.join(where)}: {self.reason}" if where else self.reason


class FlawedFileError(ValueError):
    """A CSV file of which nothing is used; `flaws` has every reason."""

    def __init__(self, path: Path, flaws: tuple[Flaw, ...]) -> None:
        super().__init__(f"{path}: nothing was imported, {len(flaws)} flaws found")
        self.flaws = flaws


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    customer_id: int | None
    details: Details


def read_customers(path: Path) -> list[tuple[int, Details]]:
    """The customers in the UTF-8 file at `path` with their ids, in the file's order.

    The names in the header line are the names of the properties. A row without customerId gets
    the next id above the highest of the file. Raises FlawedFileError.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            found = list(_read(csv.reader(file, strict=True)))
    except OSError as error:
        found = [Flaw(None, None, error.strerror or str(error))]
    rows = [row for row in found if isinstance(row, _Row)]
    flaws = (*(flaw for flaw in found if isinstance(flaw, Flaw)), *_repeated_ids(rows))
    if flaws:
        raise FlawedFileError(path, flaws)
    highest = max((row.customer_id or 0 for row in rows), default=0)
    unused = iter(range(highest + 1, highest + len(rows) + 1))
    return [(row.customer_id or next(unused), row.details) for row in rows]


def _read(reader: "_csv.Reader") -> Iterator[_Row | Flaw]:
    try:
        header: list[str] = next(reader, [])
        flaws = list(_flaws_of_header(header))
        yield from flaws
        for fields in reader:
            # Under a header with flaws no field can be trusted to be what it seems.
            if fields and not flaws:
                yield from _read_row(reader.line_num, header, fields)
    except (csv.Error, UnicodeDecodeError) as error:
        yield Flaw(reader.line_num + 1, None, f"cannot be read, nor what follows: {error}")


def _flaws_of_header(header: list[str]) -> Iterator[Flaw]:
    for name in REQUIRED_COLUMNS:
        if name not in header:
            yield Flaw(1, name, "this column is missing")
    for name in dict.fromkeys(header):
        if not name:
            yield Flaw(1, None, "a column has no name")
        elif header.count(name) > 1:
            yield Flaw(1, name, "this column is there more than once")


def _read_row(line: int, header: list[str], fields: list[str]) -> Iterator[_Row | Flaw]:
    if len(fields) != len(header):
        yield Flaw(line, None, f"has {len(fields)} fields under {len(header)} columns")
        return
    properties = dict(zip(header, fields, strict=True))
    id_text = properties.pop("customerId")
    customer_id = parsed_id(id_text)
    if id_text and customer_id is None:
        yield Flaw(line, "customerId", f"must be a whole number from 1, or empty, not {id_text!r}")
    try:
        details = validated(properties)
    except InvalidCustomerError as error:
        yield from (Flaw(line, fault.field, fault.reason) for fault in error.faults)
    else:
        yield _Row(line, customer_id, details)


def _repeated_ids(rows: Iterable[_Row]) -> Iterator[Flaw]:
    first: dict[int, int] = {}
    for row in rows:
        if row.customer_id and (line := first.setdefault(row.customer_id, row.line)) != row.line:
            yield Flaw(row.line, "customerId", f"{row.customer_id} is already taken by line {line}")
