"""The physical lines of a text file, or the first of them that cannot be read."""

import codecs
import os
from collections.abc import Iterator
from io import BufferedReader

LONGEST = 64 * 1024
"""Characters of a line, and of a row of several lines: as much as the body of a request may have."""

_AS = "save the file as CSV UTF-8"

_LOST = "\udcff"
"""In place of what cannot be decoded: half of a surrogate pair, which no text that can be has by itself."""

codecs.register_error("lost", lambda error: (_LOST, error.end))  # type: ignore[attr-defined]


class UnreadableLineError(ValueError):
    """The line with this number, from 1, cannot be read, nor what follows; the message says why."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line


def decoded(file: BufferedReader) -> Iterator[str]:
    """The lines of a file from its beginning, with their ends, which may be LF, CR LF or CR.

    The file is UTF-8, with a byte order mark or without, or UTF-16 with one. Raises UnreadableLineError.
    """
    is_wide = os.pread(file.fileno(), 2, 0) in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}
    encoding = "utf-16" if is_wide else "utf-8-sig"
    with os.fdopen(file.fileno(), encoding=encoding, errors="lost", newline="", closefd=False) as text:
        text.seek(0)
        number = 0
        while line := text.readline(LONGEST + 1):
            number += 1
            if reason := _reason_against(line, "UTF-16" if is_wide else "UTF-8"):
                raise UnreadableLineError(number, reason)
            yield line


def _reason_against(line: str, encoding: str) -> str | None:
    if _LOST in line:
        return f"is not {encoding}: {_AS}"
    if "\0" in line:
        return f"has a NUL, as in UTF-16 without a byte order mark: {_AS}"
    return f"has more than {LONGEST} characters" if len(line) > LONGEST else None
