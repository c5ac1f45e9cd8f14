"""A connection's id: what is none, and the key under which IoT keeps it. The rules are those of services/iot."""

import re
import string
from collections.abc import Iterable
from hashlib import sha256
from urllib.parse import unquote

_INVISIBLE_ONES = (
    # Unicode's categories Cc and Cf, and its line and paragraph separators.
    r"\x00-\x1f\x7f-\x9f\u00ad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u2028-\u202e"
    r"\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb"
    "\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0001\U000e0020-\U000e007f"
)
_INVISIBLE = re.compile(f"[{_INVISIBLE_ONES}\ud800-\udfff]")
_SCIENTIFIC = re.compile("[+-]?[0-9]+([.,][0-9]+)?[eE][+-]?[0-9]+")
_LONGEST = 1000
_LONGEST_KEY = 200
_PLAIN = frozenset((string.ascii_lowercase + string.digits + "-.").encode())
_ENCODED = tuple(chr(byte) if byte in _PLAIN else f"%{byte:02x}" for byte in range(256))
_HASHED = "="


def is_id(text: str) -> bool:
    """Tell whether IoT takes a text for a connection's id."""
    if text.isascii() and text.isdigit() and len(text) <= _LONGEST:
        return True
    return (
        1 <= len(text) <= _LONGEST
        and not _INVISIBLE.search(text)
        and text == text.strip()
        and not _SCIENTIFIC.fullmatch(text)
    )


def key_of(connection: str) -> str:
    """Return the key of a connection, without the prefix `app-id||`: its id encoded, or hashed when that is long."""
    encoded = connection.encode()
    key = "".join(map(_ENCODED.__getitem__, encoded))
    return key if len(key) <= _LONGEST_KEY else f"{_HASHED}{sha256(encoded).hexdigest()}"


def is_hashed(key: str) -> bool:
    """Tell whether a key has a digest of its connection's id, and not the id."""
    return key.startswith(_HASHED)


def connections_of(keys: Iterable[str], known: Iterable[str]) -> set[str]:
    """Return the connections that have these keys.

    :param known: connections one has heard of elsewhere: an id that was hashed can only be found among them.
        One that is not found there is named by its key.
    """
    listed = list(keys)
    hashed = set(filter(is_hashed, listed))
    names = {key_of(one): one for one in known if len(one) * 12 > _LONGEST_KEY} if hashed else {}
    return {names.get(key, key) if key in hashed else unquote(key) for key in listed}
