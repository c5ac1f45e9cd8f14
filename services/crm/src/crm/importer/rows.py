"""The rows of a CSV file of customers, each of them good or with what is wrong about it."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from crm.domain.customer import (
    NAME_LENGTH,
    PROPERTIES,
    Details,
    Fault,
    InvalidCustomerError,
    disguised,
    parsed_id,
    reason_against_name,
    validated,
)
from crm.importer import records
from crm.importer.lines import UnreadableLineError
from crm.importer.records import plain

REQUIRED_COLUMNS = ("customerId", "connectionId", "connectionMandate")
_REQUIRED = frozenset(map(plain, REQUIRED_COLUMNS))

HIGHEST_ID = 10**18 - 1 - 10**9
"""In a file. CRM gives a billion ids above it, and names those of 18 digits (customer.py)."""

_SHOWN = 200
"""Characters of a header that a reason repeats."""

_BREAK = re.compile(r"\r\n|\r|\n")


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


def read(lines: Iterator[str]) -> Iterator[Row | Flaw]:
    """All rows under the header line, whose names are the names of the properties.

    `lines` are those of the file, from its first, with their ends. Rows that are empty in all columns are
    left out.
    """
    try:
        found = records.read(lines, _REQUIRED)
        header_line, names = next(found, (1, []))
        header = [name.strip() for name in names]
        while header and not header[-1]:
            header.pop()
        flaws = list(_flaws_of_header(header_line, header))
        yield from flaws
        for line, fields in found:
            # Under a header with flaws no field can be trusted to be what it seems.
            if not flaws:
                yield from _read_row(line, header, len(names), fields)
    except UnreadableLineError as error:
        yield Flaw(error.line, None, str(error))


def _flaws_of_header(line: int, header: list[str]) -> Iterator[Flaw]:
    for name in REQUIRED_COLUMNS:
        if name not in header:
            yield Flaw(line, name, f"this column is missing; {_instead_of(name, header)}")
    for name in dict.fromkeys(header):
        if not name:
            yield Flaw(line, None, "a column has no name")
        elif header.count(name) > 1:
            yield Flaw(line, name, "this column is there more than once")
        elif plain(name) not in _REQUIRED and (reason := reason_against_name(name)):
            yield Flaw(line, ascii(name[:NAME_LENGTH]), reason)
    if len(header) > 1 + PROPERTIES:
        has = f"has {len(header) - 1} columns beside customerId"
        yield Flaw(line, None, f"{has}, and a customer has {PROPERTIES} properties at most")


def _instead_of(name: str, header: list[str]) -> str:
    if not header:
        return "the file is empty"
    if like := next((each for each in header if plain(each) == plain(name)), None):
        return f"{like!r} must be written so"
    if len(header) == 1:
        return f"there is only {header[0][:_SHOWN]!r}: columns are separated by a comma, a semicolon or a tab"
    there = ", ".join(map(repr, header))
    return f"there are {there}" if len(there) <= _SHOWN else f"there are {there[:_SHOWN]}…"


def _read_row(line: int, header: list[str], unnamed: int, fields: list[str]) -> Iterator[Row | Flaw]:
    while len(fields) > len(header) and not fields[-1].strip():
        fields.pop()
    if len(fields) != len(header):
        more = " and no name" if len(header) < len(fields) <= unnamed else ""
        yield Flaw(line + _breaks(fields), None, f"has {len(fields)} fields under {len(header)} columns{more}")
        return
    properties = dict(zip(header, fields, strict=True))
    id_text = properties.pop("customerId")
    customer_id = parsed_id(id_text)
    faults = list[Fault]()
    if id_text and (customer_id is None or customer_id > HIGHEST_ID):
        faults.append(Fault("customerId", _reason_against_id(id_text)))
    try:
        details = validated(properties)
    except InvalidCustomerError as error:
        faults += error.faults
    else:
        if not faults:
            yield Row(line, customer_id, details)
    for fault in faults:
        before = fields[: header.index(fault.field)] if fault.field in header else []
        yield Flaw(line + _breaks(before), fault.field, fault.reason)


def _reason_against_id(text: str) -> str:
    if parsed_id(text):
        return f"must be at most {HIGHEST_ID}: CRM gives the ids above"
    return disguised(text) or f"must be a whole number from 1 to {HIGHEST_ID}, or empty, not {text[:40]!r}"


def _breaks(fields: Iterable[str]) -> int:
    """How many line breaks there are in quoted fields."""
    return sum(len(_BREAK.findall(field)) for field in fields if "\n" in field or "\r" in field)
