"""A bar that fills: redrawn on a terminal, a line from time to time in a log."""

import sys
import time

WIDTH = 24
# Seconds between two lines where nothing can be redrawn.
PERIOD = 10.0


class Bar:
    """How far something has come.

    :param what: what is counted, in the plural.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._started: tuple[float, int] | None = None
        self._said = 0.0

    def show(self, done: int, total: int) -> None:
        """Draw it."""
        now = time.monotonic()
        if self._started is None:
            self._started = now, done
        since, first = self._started
        rate = (done - first) / (now - since) if now > since else 0.0
        line = drawn(done, total, rate, self._what)
        if sys.stdout.isatty():
            sys.stdout.write(f"\r{line}\x1b[K")
            sys.stdout.flush()
        elif now - self._said > PERIOD or done >= total:
            self._said = now
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()

    def close(self) -> None:
        """End its line."""
        if self._started and sys.stdout.isatty():
            sys.stdout.write("\n")


def drawn(done: int, total: int, rate: float, what: str) -> str:
    """Return the line for `done` of `total`, at `rate` a second."""
    share = min(1.0, done / total) if total else 1.0
    filled = int(WIDTH * share)
    left = f"{(total - done) / rate:,.0f} s left" if rate > 0 and done < total else ""
    speed = f"{rate:,.0f}/s" if rate > 0 else ""
    bar = "█" * filled + "·" * (WIDTH - filled)
    return "  ".join(part for part in (f"    {bar}", f"{done:,} of {total:,} {what}", speed, left) if part)
