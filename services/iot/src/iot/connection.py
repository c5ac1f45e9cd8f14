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

_AS_IT_IS: Final = re.compile(rf"[a-z0-9.-]{{1,{MAX_KEY_LENGTH}}}")
_PLAIN: Final = frozenset((string.ascii_lowercase + string.digits + "-.").encode())
_ENCODED: Final = tuple(chr(byte) if byte in _PLAIN else f"%{byte:02x}" for byte in range(256))


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
