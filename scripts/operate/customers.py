"""CRM's customers, by the connection they hold."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping

from operate.link import Link

Holders = Mapping[str, Mapping[str, str]]
"""Connection -> customer id -> the level that this customer allows."""

_NEXT = re.compile(r'<([^>]*)>; *rel="next"')


def holders(crm: Link) -> Holders:
    """Ask CRM for all its customers, page by page.

    :raises Failure: it does not answer, or with something else.
    """
    found: defaultdict[str, dict[str, str]] = defaultdict(dict)
    page: str | None = "/customers?limit=1000"
    while page:
        reply = crm.get(page)
        try:
            if reply.status != 200:
                raise crm.refusal(reply)
            for connection, by in held_in(reply.json()).items():
                found[connection] |= by
        except (ValueError, KeyError, TypeError) as error:
            raise crm.refusal(reply) from error
        further = _NEXT.search(reply.headers.get("link", ""))
        page = further and further[1]
    return found


def held_in(customers: Iterable[Mapping[str, str]]) -> Holders:
    """Turn customers into holders by connection."""
    found: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for one in customers:
        found[one["connectionId"]][one["customerId"]] = one["connectionMandate"]
    return found
