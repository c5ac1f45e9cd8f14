"""A bare service as a process: one of the FastAPI apps beside this file, served as uvicorn serves it."""

import sys
from collections.abc import Mapping
from pathlib import Path

from parts.daprd import Daprd
from parts.process import Process, free_port, listens

_ROOT = Path(__file__).parents[2]


class App(Process):
    """The app in the module with this name; `settings` are its environment variables."""

    def __init__(self, folder: Path, name: str, settings: Mapping[str, str], port: int | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port = port or free_port()
        words = [sys.executable, "-m", "uvicorn", f"bench.bare.{name}:app", "--port", self.port]
        words += ["--no-access-log", "--log-level", "warning"]
        super().__init__(words, folder / f"{name}.log", env=settings, cwd=_ROOT)

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def ready(self) -> bool:
        """Whether it takes connections."""
        return listens(self.port)


def with_sidecar(sidecar: Daprd, topic: str, grpc_port: int | None = None) -> dict[str, str]:
    """The settings of an app that uses a sidecar, at another gRPC port than its own where somebody listens in."""
    ports = {"DAPR_HTTP_PORT": sidecar.http_port, "DAPR_GRPC_PORT": grpc_port or sidecar.grpc_port}
    return {"TOPIC": topic, **{name: str(port) for name, port in ports.items()}}
