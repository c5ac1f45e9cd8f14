"""CRM as a process."""

import sys
from collections.abc import Mapping
from pathlib import Path

import httpx

from parts.process import Process, free_port

FOLDER = Path(__file__).parents[1] / "services" / "crm"


class Crm(Process):
    """CRM with a port of its own, which stays the same when it is started again."""

    def __init__(self, folder: Path, settings: Mapping[str, str], port: int | None = None) -> None:
        """`settings` are environment variables, as README.md of services/crm has them."""
        folder.mkdir(parents=True, exist_ok=True)
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        env = {"PYTHONPATH": str(FOLDER / "src"), "CRM_PORT": str(self.port), **settings}
        super().__init__([sys.executable, "-m", "crm"], folder / "crm.log", env=env, cwd=FOLDER)

    def ready(self) -> bool:
        """Whether it takes changes."""
        try:
            return httpx.get(f"{self.url}/readyz").is_success
        except httpx.TransportError:
            return False
