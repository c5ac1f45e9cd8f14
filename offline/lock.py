"""One build at a time: two at once would write into the same folders."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from offline.progress import say


@contextmanager
def alone(file: Path) -> Iterator[None]:
    """Wait until no other process holds the lock file; it is free again when this one ends, however it ends."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another run builds at this moment: waiting for its end.")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
