"""New machines."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from offline.progress import say, step
from offline.step import CACHE

from .machine import Machine
from .namespace import Namespace


@contextmanager
def new_machine(engine: str, *, client: bool) -> Iterator[Machine]:
    """Make a machine with an engine, for the length of a block.

    :param engine: "docker" or "podman".
    :param client: whether it has a client of Docker's.
    """
    # Not in a temporary folder of pytest's: an engine's storage is deep and large.
    home = CACHE / "pull"
    home.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{engine}-", dir=home))
    say("")
    try:
        with Namespace(folder) as namespace:
            with step(f"a machine with {engine}"):
                made = Machine(namespace, engine, client=client)
            yield made
    finally:
        shutil.rmtree(folder, ignore_errors=True)
