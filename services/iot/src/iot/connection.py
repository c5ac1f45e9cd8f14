"""A connection's id, and the state key it is kept under."""

import re
import string
from hashlib import sha256
from typing import Final

from iot.document import UnreadableError

MAX_ID_LENGTH: Final = 1000
"""Characters; far more than CRM gives to any."""

MAX_KEY_LENGTH: Final = 200
"""Longest key, in characters. Dapr's mysql store keeps `<app id>||<key>` in a VARCHAR(255)."""

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
_AS_IT_IS: Final = re.compile(rf"[a-z0-9.-]{{1,{MAX_KEY_LENGTH}}}")
_PLAIN: Final = frozenset((string.ascii_lowercase + string.digits + "-.").encode())
_ENCODED: Final = tuple(chr(byte) if byte in _PLAIN else f"%{byte:02x}" for byte in range(256))


def check_id(connection_id: str) -> None:
    """Raises UnreadableError for what is no id, as for `key_of`; nor has an id characters that nobody sees,
    blanks at its ends, or the notation in which a spreadsheet writes long numbers, the same for different
    ones."""
    shortened = "e" in connection_id.lower() and _SCIENTIFIC.fullmatch(connection_id)
    if not shortened and _AS_IT_IS.fullmatch(connection_id):
        return
    key_of(connection_id)
    if found := _INVISIBLE.search(connection_id):
        raise UnreadableError(f"the connection id has an invisible character, U+{ord(found[0]):04X}")
    if connection_id != connection_id.strip():
        raise UnreadableError("the connection id has a blank at one of its ends")
    if shortened:
        raise UnreadableError("the connection id is a number as a spreadsheet shortens it: its digits are lost")


def key_of(connection_id: str) -> str:
    """The state key of a connection: its id in UTF-8, with `%xx` for all but `a-z 0-9 - .`.

    Dapr refuses keys with `||`, and the mysql store compares keys without regard to case, accents
    and trailing blanks; encoded so, two ids never share a key. What would be longer than
    `MAX_KEY_LENGTH` is `=` (which is encoded in all others) and the id's SHA-256.

    Raises UnreadableError for what is no id: empty, longer than `MAX_ID_LENGTH`, or not valid
    Unicode (a lone surrogate).
    """
    if _AS_IT_IS.fullmatch(connection_id):
        return connection_id
    if not connection_id:
        raise UnreadableError("the connection id is empty")
    if len(connection_id) > MAX_ID_LENGTH:
        raise UnreadableError(f"the connection id is too long: at most {MAX_ID_LENGTH} characters")
    try:
        encoded = connection_id.encode()
    except UnicodeEncodeError:
        raise UnreadableError("the connection id is not valid Unicode") from None
    key = "".join(map(_ENCODED.__getitem__, encoded))
    return key if len(key) <= MAX_KEY_LENGTH else f"={sha256(encoded).hexdigest()}"
