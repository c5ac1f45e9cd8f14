"""What CRM's client for its sidecar costs, beside the HTTP clients that could take its place."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from bench.bare.app import App
from bench.report import Row, Subject, Yardstick
from parts.crm import FOLDER

REPEATS = 3


def _measure(folder: Path) -> Iterator[Row]:
    with App(folder, "taker", {}) as taker:
        turns = [
            {name: _microseconds(name, taker.port) for name in ("crm", "httpx", "aiohttp")} for _ in range(REPEATS)
        ]
    mine = [turn["crm"] for turn in turns]
    for other in ("httpx", "aiohttp"):
        yield Row("processor for one bulk", mine, "us", Yardstick(other, [turn[other] for turn in turns]), most=0.6)


def _microseconds(client: str, port: int) -> float:
    """Measured in a process of its own, which has nothing else to do."""
    env = os.environ | {"PYTHONPATH": f"{os.environ['PYTHONPATH']}:{FOLDER / 'src'}"}
    words = [sys.executable, "-m", "bench.posts", client, str(port)]
    return float(subprocess.run(words, env=env, check=True, capture_output=True, text=True).stdout)


SUBJECT = Subject("CRM: its client for the sidecar", _measure)
