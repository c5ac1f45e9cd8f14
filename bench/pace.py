"""How fast the machine is at the moment: on a shared one it may halve within seconds, and all figures with it."""

import time
from collections.abc import Sequence

_TURNS = 1_000_000


def milliseconds() -> float:
    """What a fixed loop of Python takes now."""
    begun = time.perf_counter()
    total = 0
    for turn in range(_TURNS):
        total += turn
    return (time.perf_counter() - begun) * 1000


def told(looks: Sequence[float]) -> str:
    """What was seen of it, in one sentence."""
    return f"A fixed loop, run before and between these, took {min(looks):.0f} to {max(looks):.0f} ms."
