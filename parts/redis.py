"""A Redis server as a process."""

import subprocess
from pathlib import Path

from parts.process import Process, free_port, listens


class Redis(Process):
    """An empty server that keeps nothing on disk."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        words = ["redis-server", "--port", self.port, "--bind", "127.0.0.1", "--save", "", "--dir", folder]
        super().__init__(words, folder / "redis.log")

    def ready(self) -> bool:
        """Whether it takes connections."""
        return listens(self.port)

    def command(self, *words: str) -> str:
        """What redis-cli prints for a command."""
        told = ["redis-cli", "-p", str(self.port), *words]
        return subprocess.run(told, check=True, capture_output=True, text=True).stdout.strip()
