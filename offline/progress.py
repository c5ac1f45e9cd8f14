"""Progress on the terminal: one line a step, with a tick and its seconds.

The same lines serve a terminal and a log file, so nothing is redrawn: a long step says every
`HEARTBEAT` seconds that it is still at work.
"""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HEARTBEAT = 30.0

_lock = threading.Lock()


def say(line: str) -> None:
    """Print one whole line at once, also when several steps run side by side."""
    with _lock:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


@contextmanager
def step(name: str, log: Path | None = None) -> Iterator[None]:
    """Show that a step starts, is still running, and how it ended.

    :param name: what the step does, in a few words.
    :param log: where its output goes; named when it takes long or fails.
    """
    started = time.monotonic()
    done = threading.Event()
    where = f"  (log: {log})" if log else ""

    def beat() -> None:
        while not done.wait(HEARTBEAT):
            say(f"  … {name}  {time.monotonic() - started:.0f} s{where}")

    pulse = threading.Thread(target=beat, daemon=True)
    pulse.start()
    end = f"  ✗ {name}", where
    try:
        yield
        end = f"  ✓ {name}", ""
    finally:
        done.set()
        pulse.join()
        say(f"{end[0]}  {time.monotonic() - started:.1f} s{end[1]}")
