"""The records of a CSV file: their fields, and the line on which each begins."""

import csv
import re
from collections.abc import Iterator
from itertools import chain

from crm.importer.lines import LONGEST, UnreadableLineError

DELIMITERS = (",", ";", "\t")

_SEPARATOR = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
"""The line with which a spreadsheet is told how its columns are separated."""

_EMPTY = re.compile(r"[\s,;]*")
_BREAK = re.compile(r"\r\n|\r|\n")
_QUOTED = re.compile(r'"(?:[^"]|"")*+"')


def read(lines: Iterator[str], columns: frozenset[str]) -> Iterator[tuple[int, list[str]]]:
    """Each record that is not empty in all its fields, the header first, with the number of its first line.

    `lines` are those of the file, from its first, with their ends. The delimiter is the one that the file
    tells in a line `sep=`, or else the one by which most of `columns`, as `plain` names, are in the header.
    Raises UnreadableLineError.
    """
    before, delimiter, lines = _begun(lines, columns)
    record: list[str] = []
    reader = csv.reader(_noted(lines, record), delimiter=delimiter, strict=True)
    while True:
        begins = before + reader.line_num + 1
        try:
            fields = next(reader, None)
        except csv.Error:
            raise _misquoted(begins, "".join(record), delimiter) from None
        if fields is None:
            return
        if fields and (fields[0].strip() or any(map(str.strip, fields))):
            yield begins, fields
        record.clear()


def plain(name: str) -> str:
    """What is left of a column's name when it is compared with one that means the same."""
    return "".join(filter(str.isalnum, name)).casefold()


def _begun(lines: Iterator[str], columns: frozenset[str]) -> tuple[int, str, Iterator[str]]:
    """How many lines there are before the rest of them, the delimiter, and the rest."""
    before, first = 0, ""
    for first in lines:
        if not _EMPTY.fullmatch(first):
            break
        before += 1
    if not (separator := _SEPARATOR.fullmatch(first)):
        return before, max(DELIMITERS, key=lambda each: _found(first, each, columns)), chain([first], lines)
    if separator[1] not in DELIMITERS:
        raise UnreadableLineError(before + 1, "must be sep=, or sep=; or sep= and a tab")
    return before + 1, separator[1], lines


def _found(header: str, delimiter: str, columns: frozenset[str]) -> int:
    names = next(csv.reader([header], delimiter=delimiter), [])
    return len(columns.intersection(map(plain, names)))


def _noted(lines: Iterator[str], record: list[str]) -> Iterator[str]:
    """`lines`, each of them also put into `record`, until that is too large."""
    size = 0
    for line in lines:
        size = size + len(line) if record else len(line)
        record.append(line)
        if size > LONGEST:
            raise csv.Error
        yield line


def _misquoted(begins: int, record: str, delimiter: str) -> UnreadableLineError:
    """About the field that cannot be read, by its first line: a quote too many opens one that may reach to the
    end of the file."""
    at = _misquoted_at(record, delimiter)
    line = begins + len(_BREAK.findall(record[:at]))
    if len(record) > LONGEST:
        reason = f"the row has more than {LONGEST} characters"
    elif quoted := _QUOTED.match(record, at):
        end = line + len(_BREAK.findall(quoted[0]))
        reason = f"on line {end} something other than {delimiter!r} follows its end"
    else:
        reason = "the file ends before it is closed"
    way = "close it, or write a quote within a field twice"
    return UnreadableLineError(
        line, f"a quote is open or one too many: {reason}; {way}. What follows cannot be read either"
    )


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
