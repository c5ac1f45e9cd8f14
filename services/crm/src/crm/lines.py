"""The physical lines of a text file, each decoded, or the line on which it cannot be."""

import codecs
from collections.abc import Iterator
from io import BufferedReader, TextIOWrapper

LONGEST = 64 * 1024
"""Characters of a line, and of a row of several lines: as much as the body of a request may have."""

_SPOILT = "\udcff"
"""In place of what cannot be decoded; no encoding has it."""

_AS = "save the file as CSV UTF-8"


def _mark(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return _SPOILT, error.end


codecs.register_error("crm-marked", _mark)


class UnreadableLineError(ValueError):
    """The line with this number, from 1, cannot be read, nor what follows; the message says why."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line


def decoded(file: BufferedReader) -> Iterator[str]:
    """The lines of a file from its beginning, with their ends, which may be LF, CR LF or CR.

    The file is UTF-8, with a byte order mark or without, or UTF-16 with one. Raises UnreadableLineError.
    """
    file.seek(0)
    begins = file.peek(2)[:2]
    encoding = "utf-16" if begins in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"
    text = TextIOWrapper(file, encoding, "crm-marked", newline="")
    try:
        number = 0
        while line := text.readline(LONGEST + 1):
            number += 1
            if _SPOILT in line:
                raise UnreadableLineError(number, f"is not {encoding.removesuffix('-sig').upper()}: {_AS}")
            if "\0" in line:
                raise UnreadableLineError(number, f"has a NUL, as in UTF-16 without a byte order mark: {_AS}")
            if len(line) > LONGEST:
                raise UnreadableLineError(number, f"has more than {LONGEST} characters")
            yield line
    finally:
        if not file.closed:  # who reads no further may have left the file before this
            text.detach()
