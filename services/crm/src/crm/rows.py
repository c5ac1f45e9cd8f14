"""The rows of a CSV file of customers, each of them good or with what is wrong about it."""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
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


@dataclass(frozen=True, slots=True)
class Row:
    """A good row: its line, its id if it has one, and its properties."""

    line: int
    customer_id: int | None
    details: Details

    def digest(self) -> str:
        """Tells the properties from others, whatever the order of the columns; 32 characters."""
        text = json.dumps(self.details.properties, sort_keys=True)
        return blake2b(text.encode(), digest_size=16).hexdigest()


def short(digest: str) -> int:
    """The first 63 bits of a digest: a few rows that share them by chance do no harm."""
    return int(digest[:16], 16) >> 1


def read(reader: "_csv.Reader") -> Iterator[Row | Flaw]:
    """All rows under the header line, whose names are the names of the properties."""
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


def _read_row(line: int, header: list[str], fields: list[str]) -> Iterator[Row | Flaw]:
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
        yield Row(line, customer_id, details)
