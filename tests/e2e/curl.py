"""The walkthrough's own calls: curl through kubectl port-forward."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from cluster.services import forwarded
from cluster.target import Target

PORTS = {"crm": 3005, "iot": 3008, "zipkin": 9411}


@dataclass(frozen=True)
class Reply:
    """A status code and a body."""

    status: int
    text: str

    @property
    def json(self) -> Any:
        """The body as JSON.

        :raises AssertionError: it is another text, such as the 404 of what is not there yet; who polls looks again.
        """
        try:
            return json.loads(self.text)
        except ValueError:
            raise AssertionError(f"{self.status} without JSON: {self.text!r}") from None


@dataclass(frozen=True)
class Service:
    """One service behind a port-forward.

    :param port: the local port.
    """

    port: int

    def curl(self, path: str, *options: str) -> Reply:
        """Call the service as a reader of the walkthrough does.

        :param path: what follows the port, such as `?customerId=2`.
        """
        done = subprocess.run(
            [
                "curl",
                "--silent",
                "--show-error",
                "--noproxy",
                "*",
                "--max-time",
                "10",
                "--write-out",
                "\n%{http_code}",
                *options,
                f"http://localhost:{self.port}{path}",
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        text, _, status = done.stdout.rpartition("\n")
        return Reply(int(status), text)

    def post(self, path: str, body: dict[str, str], *options: str) -> Reply:
        """POST a JSON body."""
        return self.curl(path, "-H", "Content-Type: application/json", "-d", json.dumps(body), *options)


@contextmanager
def service(target: Target, name: str, pod: str | None = None) -> Iterator[Service]:
    """Forward a local port to the service `crm`, `iot` or `zipkin`, or to one pod of it, for the length of a block."""
    with forwarded(target, f"pod/{pod}" if pod else f"service/{name}", PORTS[name]) as port:
        yield Service(port)
