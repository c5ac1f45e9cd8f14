"""wrk: HTTP requests from many connections at once, as many as are answered."""

import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.report import Row, Yardstick

_MILLISECONDS = {"us": 0.001, "ms": 1.0, "s": 1000.0}


@dataclass(frozen=True, slots=True)
class Load:
    """What one run has shown: answers per second, and milliseconds that half and 99% stayed below."""

    rate: float
    p50: float
    p99: float


def run(url: str, script: str, folder: Path, seconds: int, connections: int = 16) -> Load:
    """Send what the Lua `script` makes for so many seconds.

    AssertionError when an answer was no success, or none came.
    """
    file = folder / "requests.lua"
    file.write_text(script)
    words = ["wrk", "--threads=1", f"--connections={connections}", f"--duration={seconds}s", "--timeout=10s"]
    said = subprocess.run(
        [*words, "--latency", f"--script={file}", url], check=True, capture_output=True, text=True
    ).stdout
    if "Non-2xx" in said or "Socket errors" in said:
        raise AssertionError(f"not every request was answered well:\n{said}")
    rate = re.search(r"Requests/sec:\s+([\d.]+)", said)
    if rate is None:
        raise AssertionError(f"wrk says nothing of its rate:\n{said}")
    return Load(float(rate[1]), *(_milliseconds(said, percent) for percent in (50, 99)))


def _milliseconds(said: str, percent: int) -> float:
    found = re.search(rf"^\s+{percent}%\s+([\d.]+)(us|ms|s)\s*$", said, re.MULTILINE)
    if found is None:
        raise AssertionError(f"wrk says nothing of {percent}%:\n{said}")
    return float(found[1]) * _MILLISECONDS[found[2]]


def rows(
    name: str, pairs: Sequence[tuple[Load, Load]], beside: str, *, least: float, most: float, lab: str = ""
) -> Iterator[Row]:
    """Rate, p50 and p99 of loads, and of those of a yardstick, in turns with them.

    :param least: the ratio of the rates that is asked for.
    :param most: that of the p99s.
    """
    mine, its = zip(*pairs, strict=True)
    rate = Yardstick(beside, [load.rate for load in its])
    yield Row(name, [load.rate for load in mine], "/s", rate, least=least, lab=lab)
    p50 = Yardstick(beside, [load.p50 for load in its])
    yield Row(f"{name}: p50", [load.p50 for load in mine], "ms", p50)
    p99 = Yardstick(beside, [load.p99 for load in its])
    yield Row(f"{name}: p99", [load.p99 for load in mine], "ms", p99, most=most)
