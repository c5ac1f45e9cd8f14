"""The rows of a CSV file of customers, each of them good or with what is wrong about it."""

import csv
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from itertools import chain

from crm.customer import Details, InvalidCustomerError, parsed_id, validated
from crm.lines import LONGEST, UnreadableLineError

REQUIRED_COLUMNS = ("customerId", "connectionId", "connectionMandate")
DELIMITERS = (",", ";", "\t")

HIGHEST_ID = 10**17 - 1
"""In a file. CRM gives ids above it, and names those of 18 digits (customer.py)."""

_SEPARATOR = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
"""The line with which a spreadsheet is told how its columns are separated."""

_BREAK = re.compile(r"\r\n|\r|\n")
_QUOTED = re.compile(r'"(?:[^"]|"")*+"(?!")')


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


def read(lines: Iterator[str]) -> Iterator[Row | Flaw]:
    """All rows under the header line, whose names are the names of the properties.

    `lines` are those of the file, from its first, with their ends. Rows that are empty in all columns are
    left out.
    """
    try:
        records = _Records(lines)
        header = [name.strip() for name in next(records, (1, []))[1]]
        unnamed = len(header)
        while header and not header[-1]:
            header.pop()
        flaws = list(_flaws_of_header(records.header_line, header))
        yield from flaws
        for line, fields in records:
            # Under a header with flaws no field can be trusted to be what it seems.
            if not flaws:
                yield from _read_row(line, header, unnamed, fields)
    except UnreadableLineError as error:
        yield Flaw(error.line, None, str(error))


class _Records:
    """The fields of each record that is not empty, with the line on which it begins.

    Raises UnreadableLineError.
    """

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._number = 0  # of the last line that was read
        self._record: list[str] = []  # the lines of the record at hand
        self._size = 0  # and their characters
        self._delimiter = ""
        self.header_line = 1
        self._reader = self._told()

    def __iter__(self) -> "_Records":
        return self

    def __next__(self) -> tuple[int, list[str]]:
        while True:
            self._record.clear()
            self._size = 0
            begins = self._number + 1
            try:
                fields = next(self._reader)
            except csv.Error as error:
                raise self._misquoted(begins, str(error)) from None
            if fields and (fields[0].strip() or any(map(str.strip, fields))):
                return begins, fields

    def _told(self) -> Iterator[list[str]]:
        """The reader, by what the first line that is not empty tells of the delimiter."""
        first = next((line for line in self._counted() if line.strip()), "")
        if separator := _SEPARATOR.fullmatch(first):
            if separator[1] not in DELIMITERS:
                raise UnreadableLineError(self._number, "must be sep=, or sep=; or sep= and a tab")
            self.header_line = self._number + 1
            self._delimiter, first = separator[1], ""
        else:
            self.header_line = max(self._number, 1)
            self._number -= bool(first)
            self._delimiter = max(DELIMITERS, key=lambda each: _required_in(first, each))
        return csv.reader(self._counted(*filter(None, [first])), delimiter=self._delimiter, strict=True)

    def _counted(self, *again: str) -> Iterator[str]:
        for line in chain(again, self._lines):
            self._number += 1
            self._record.append(line)
            self._size += len(line)
            if self._size > LONGEST:
                raise csv.Error(f"the row has more than {LONGEST} characters")
            yield line

    def _misquoted(self, begins: int, reason: str) -> UnreadableLineError:
        """About the field that cannot be read: a quote too many opens one that may reach to the end of the file."""
        text = "".join(self._record)
        line = begins + len(_BREAK.findall(text[: _misquoted_at(text, self._delimiter)]))
        return UnreadableLineError(line, f"a quote is open or one too many: {reason}; nor can what follows be read")


def _misquoted_at(record: str, delimiter: str) -> int:
    """Where the field begins that is not as a quoted one must be; the beginning if each of them is."""
    at = 0
    while at < len(record):
        end = at
        if record[at] == '"':
            quoted = _QUOTED.match(record, at)
            if not quoted or record[quoted.end() : quoted.end() + 1] not in {delimiter, "\r", "\n", ""}:
                return at
            end = quoted.end()
        while end < len(record) and record[end] not in {delimiter, "\r", "\n"}:
            end += 1
        at = end + 1
    return 0


def _required_in(line: str, delimiter: str) -> int:
    try:
        names = next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return 0
    return len({name.strip() for name in names}.intersection(REQUIRED_COLUMNS))


def _flaws_of_header(line: int, header: list[str]) -> Iterator[Flaw]:
    for name in REQUIRED_COLUMNS:
        if name not in header:
            like = next((each for each in header if each.casefold() == name.casefold()), None)
            found = f"; {like!r} must be written so" if like else ""
            yield Flaw(line, name, f"this column is missing{found}")
    for name in dict.fromkeys(header):
        if not name:
            yield Flaw(line, None, "a column has no name")
        elif header.count(name) > 1:
            yield Flaw(line, name, "this column is there more than once")


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

    def flaw(column: str, reason: str) -> Flaw:
        at = line + _breaks(fields[: header.index(column)]) if column in header else line
        return Flaw(at, column, reason)

    if id_text and customer_id is None:
        yield flaw("customerId", f"must be a whole number from 1 to {HIGHEST_ID}, or empty, not {id_text!r}")
    elif customer_id and customer_id > HIGHEST_ID:
        yield flaw("customerId", f"must be at most {HIGHEST_ID}: CRM gives the ids above")
    try:
        details = validated(properties)
    except InvalidCustomerError as error:
        yield from (flaw(fault.field, fault.reason) for fault in error.faults)
    else:
        yield Row(line, customer_id, details)


def _breaks(fields: Iterable[str]) -> int:
    """How many line breaks there are in quoted fields."""
    return sum(len(_BREAK.findall(field)) for field in fields if "\n" in field or "\r" in field)
