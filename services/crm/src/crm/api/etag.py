"""Conditions on a customer's entity tag: If-Match and If-None-Match (RFC 9110, 13.1)."""

import re
from collections.abc import Iterator

from fastapi import Request

from crm.api.problems import Problem

_ANY = "*"
_ITEM = re.compile(r'[ \t]*+((?:W/)?"[\x21\x23-\x7e\x80-\xff]*+")?[ \t]*+(?:,|\Z)')


def expected_tags(request: Request) -> frozenset[str] | None:
    """The tags of which the customer must have one, by If-Match; None where any will do.

    Weak tags are not among them: they never match where a change is asked for. Raises Problem:
    400 for a header that is no list of tags, and for If-None-Match, which asks for something else
    here: that would be a change under a condition that nobody looked at.
    """
    if "if-none-match" in request.headers:
        raise Problem(400, "If-None-Match is for GET and HEAD; a change takes If-Match.")
    tags = _tags(request, "If-Match")
    return None if tags is None or _ANY in tags else frozenset(tag for tag in tags if not tag.startswith("W/"))


def is_known(request: Request, tag: str) -> bool:
    """Whether who asks has the customer with this `tag` already, by If-None-Match.

    Raises Problem: 400 for a header that is no list of tags.
    """
    tags = _tags(request, "If-None-Match")
    return tags is not None and (_ANY in tags or tag in {known.removeprefix("W/") for known in tags})


def _tags(request: Request, name: str) -> frozenset[str] | None:
    if name not in request.headers:
        return None
    text = ",".join(request.headers.getlist(name))
    if text.strip() == _ANY:
        return frozenset({_ANY})
    tags = frozenset(_each(text, name))
    if not tags:
        raise _no_list(name)
    return tags


def _each(text: str, name: str) -> Iterator[str]:
    at = 0
    while at < len(text):
        item = _ITEM.match(text, at)
        if not item:
            raise _no_list(name)
        if item[1]:
            yield item[1]
        at = item.end()


def _no_list(name: str) -> Problem:
    return Problem(400, f'{name} must be * or a list of entity tags in quotes, such as "a1", "b2".')
