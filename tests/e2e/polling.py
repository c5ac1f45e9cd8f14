"""Wait for conditions, never for time."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def poll_until(look: Callable[[], T], what: str, *, seconds: float, every: float = 0.1) -> T:
    """Look again and again until what is seen is truthy, and return it.

    :param look: looks once; an AssertionError in it means not yet, and so does what an answer does not have.
    :param what: the condition in words, for the failure.
    :param seconds: how long it may take.
    :raises AssertionError: it did not come true in time; the last look is shown.
    """
    until = time.monotonic() + seconds
    while True:
        seen: T | str
        try:
            seen = look()
            if seen:
                return seen
        except (AssertionError, LookupError) as error:
            seen = repr(error)
        if time.monotonic() > until:
            raise AssertionError(f"not within {seconds:.0f} s: {what}; last seen: {seen!r}")
        time.sleep(every)
