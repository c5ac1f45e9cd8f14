"""Conditional requests (RFC 9110, section 13): an answer that a client has already is not sent again."""

import re
from hashlib import blake2b
from typing import Final

_TAGS: Final = re.compile(r'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')


def entity_tag(content: bytes) -> str:
    """A strong entity tag: another content has another."""
    return f'"{blake2b(content, digest_size=8).hexdigest()}"'


def known(tag: str, if_none_match: str) -> bool:
    """Whether a client that says `If-None-Match` so has the content with this tag (section 13.1.2)."""
    return if_none_match.strip() == "*" or tag in _TAGS.findall(if_none_match)
