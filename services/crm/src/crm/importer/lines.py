"""The physical lines of a text file, each decoded, or the line on which it cannot be."""

import codecs
from collections.abc import Iterator
from io import BufferedReader, StringIO

LONGEST = 64 * 1024
"""Characters of a line, and of a row of several lines: as much as the body of a request may have."""

BLOCK = 64 * 1024
"""Bytes that are decoded at once."""

_MARKS = (
    (codecs.BOM_UTF8, "utf-8", "UTF-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16-be", "UTF-16"),
    (b"", "utf-8", "UTF-8"),
)
"""The byte order marks with which a file may begin, with the codec of each and its name to people."""

_AS = "save the file as CSV UTF-8"


class UnreadableLineError(ValueError):
    """The line with this number, from 1, cannot be read, nor what follows; the message says why."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line


def decoded(file: BufferedReader) -> Iterator[str]:
    """The lines of a file from its beginning, with their ends, which may be LF, CR LF or CR.

    The file is UTF-8, with a byte order mark or without, or UTF-16 with one. Raises UnreadableLineError.
    """
    number, rest = 0, ""
    for text, fault in _pieces(file):
        lines = StringIO(rest + text, newline="").readlines()
        # The last line may not be whole yet, or lack the LF after its CR; where nothing more can be read it is whole.
        rest = lines.pop() if lines and not (fault and lines[-1].endswith(("\n", "\r"))) else ""
        for line in lines:
            number += 1
            if len(line) > LONGEST:
                raise _too_long(number)
            yield line
        if len(rest) > LONGEST:
            raise _too_long(number + 1)
        if fault:
            raise UnreadableLineError(number + 1, fault)
    if rest:
        yield rest


def _too_long(line: int) -> UnreadableLineError:
    return UnreadableLineError(line, f"has more than {LONGEST} characters")


def _pieces(file: BufferedReader) -> Iterator[tuple[str, str]]:
    """The text in pieces; with the last of them why no more can be read, if it cannot."""
    file.seek(0)
    begin = file.read(3)
    mark, encoding, name = next(each for each in _MARKS if begin.startswith(each[0]))
    file.seek(len(mark))
    decoder = codecs.getincrementaldecoder(encoding)()
    fault, ended = "", False
    while not fault and not ended:
        block = file.read(BLOCK)
        ended = not block
        try:
            text = decoder.decode(block, final=ended)
        except UnicodeDecodeError as error:
            text = error.object[: error.start].decode(encoding)
            fault = f"is not {name}: {_AS}"
        if "\0" in text:
            text = text[: text.index("\0")]
            fault = f"has a NUL, as in UTF-16 without a byte order mark: {_AS}"
        yield text, fault
