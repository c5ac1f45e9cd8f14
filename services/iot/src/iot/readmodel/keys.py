"""The key under which a connection is kept."""

import re
import string
from hashlib import sha256
from typing import Final

from iot.domain.connection import encoded

MAX_KEY_LENGTH: Final = 200
"""Longest key, in characters. One of Dapr's stores keeps `<app id>||<key>` in a VARCHAR(255)."""

_AS_IT_IS: Final = re.compile(rf"[a-z0-9.-]{{1,{MAX_KEY_LENGTH}}}")
_PLAIN: Final = frozenset((string.ascii_lowercase + string.digits + "-.").encode())
_ENCODED: Final = tuple(chr(byte) if byte in _PLAIN else f"%{byte:02x}" for byte in range(256))


def key_of(connection_id: str) -> str:
    """The state key of a connection: its id in UTF-8, with `%xx` for all but `a-z 0-9 - .`.

    Dapr refuses keys with `||`, and one of its stores compares keys without regard to case, accents
    and trailing blanks; encoded so, two ids never share a key. What would be longer than
    `MAX_KEY_LENGTH` is `=` (which is encoded in all others) and the id's SHA-256.

    Raises UnreadableError for what is no id: see `encoded`.
    """
    if _AS_IT_IS.fullmatch(connection_id):
        return connection_id
    utf8 = encoded(connection_id)
    key = "".join(map(_ENCODED.__getitem__, utf8))
    return key if len(key) <= MAX_KEY_LENGTH else f"={sha256(utf8).hexdigest()}"
