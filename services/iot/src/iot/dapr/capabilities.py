"""What the store behind a state component can do."""

from typing import Any, Final, NamedTuple

_FORGETFUL: Final = {"state.redis": "-1"}
"""Kinds of store that forget first-write in a transaction, and then take a key that somebody else has made for
anybody's (https://github.com/dapr/components-contrib/blob/v1.18.3/state/redis/redis.go: its Multi does not hand
it to the script that sets a key); with an etag that does not occur there, for theirs count from 1."""


_COUNTING: Final = ("state.redis",)
"""Kinds of store whose etags count the writes of a key, from 1."""


class Capabilities(NamedTuple):
    """Whether it has transactions, whether its etags count, and the etag with which a key must be written to be new.

    The last is None where first-write alone says so. Where it is not, the store takes any etag for a key
    that is not there, and refuses a wrong one for a key that is.
    """

    transactions: bool
    counting: bool
    etag_of_new: str | None


def capabilities(component: Any) -> Capabilities:
    """Those of a component (RegisteredComponents of Dapr's metadata)."""
    return Capabilities(
        "TRANSACTIONAL" in component.capabilities, component.type in _COUNTING, _FORGETFUL.get(component.type)
    )
