"""A connection's id, and what is none."""

import re
from typing import Final

from iot.domain.document import UnreadableError

MAX_ID_LENGTH: Final = 1000
"""Characters; far more than CRM gives to any."""

_INVISIBLE_ONES: Final = (
    # Unicode's categories Cc and Cf, and its line and paragraph separators: Unicode 16, whatever Python knows.
    r"\x00-\x1f\x7f-\x9f\u00ad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u2028-\u202e"
    r"\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb"
    "\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0001\U000e0020-\U000e007f"
)
_SHORTENED: Final = "[+-]?[0-9]+([.,][0-9]+)?[eE][+-]?[0-9]+"

ID_PATTERN: Final = rf"^(?!{_SHORTENED}$)[^\s{_INVISIBLE_ONES}]([^{_INVISIBLE_ONES}]*[^\s{_INVISIBLE_ONES}])?$"
"""What `check_id` lets pass, for JSON Schema."""

_INVISIBLE: Final = re.compile(f"[{_INVISIBLE_ONES}]")
_SCIENTIFIC: Final = re.compile(_SHORTENED)
_PLAIN: Final = re.compile(r"[a-z0-9.-]{1,200}")


def check_id(connection_id: str) -> None:
    """Raises UnreadableError for what is no id: see `encoded`; nor has an id characters that nobody sees,
    blanks at its ends, or the notation in which a spreadsheet writes long numbers, the same for different
    ones."""
    shortened = "e" in connection_id.lower() and _SCIENTIFIC.fullmatch(connection_id)
    if not shortened and _PLAIN.fullmatch(connection_id):
        return
    encoded(connection_id)
    if found := _INVISIBLE.search(connection_id):
        raise UnreadableError(f"the connection id has an invisible character, U+{ord(found[0]):04X}")
    if connection_id != connection_id.strip():
        raise UnreadableError("the connection id has a blank at one of its ends")
    if shortened:
        raise UnreadableError("the connection id is a number as a spreadsheet shortens it: its digits are lost")


def encoded(connection_id: str) -> bytes:
    """An id in UTF-8.

    Raises UnreadableError when it is empty, longer than `MAX_ID_LENGTH`, or not valid Unicode (a
    lone surrogate).
    """
    if not connection_id:
        raise UnreadableError("the connection id is empty")
    if len(connection_id) > MAX_ID_LENGTH:
        raise UnreadableError(f"the connection id is too long: at most {MAX_ID_LENGTH} characters")
    try:
        return connection_id.encode()
    except UnicodeEncodeError:
        raise UnreadableError("the connection id is not valid Unicode") from None
