"""Services that answer as a test says, behind what stands in for kubectl's port-forward."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

from cluster.target import Target

from .programs import Programs


class Said(NamedTuple):
    """An answer; status 0 is none at all: the connection is closed."""

    status: int = 200
    body: str = ""
    headers: dict[str, str] = {}  # noqa: RUF012  never changed


class Asked(NamedTuple):
    """A request. Names of headers are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: str


Answering = Callable[[Asked], Said]


class Server(ThreadingHTTPServer):
    """Keeps its connections, and closes them when it ends."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, answering: Answering, port: int = 0) -> None:
        self.answering = answering
        super().__init__(("127.0.0.1", port), _Handler)

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    server: Server

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        headers = {name.lower(): value for name, value in self.headers.items()}
        said = self.server.answering(Asked(self.command, self.path, headers, body))
        if not said.status:
            self.close_connection = True
            return
        self.send_response(said.status)
        for name, value in said.headers.items():
            self.send_header(name, value)
        data = said.body.encode()
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = _answer  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def serving(answering: Answering) -> Iterator[int]:
    """Serve on a free port."""
    with Server(answering) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.port
        finally:
            server.shutdown()
            thread.join()


def forward(programs: Programs, **ports: int) -> Target:
    """Let kubectl forward to local ports: of services, or of deployments, by their names."""
    for name, port in ports.items():
        (programs.folder / f"port-{name.replace('_', '-')}").write_text(str(port))
    programs.add("kubectl", FORWARD)
    return Target("test", Path("/nowhere"), namespace="there")


FORWARD = """case "$*" in *" port-forward "*)
for resource; do case $resource in service/*|deployment/*) port=$(cat "port-${resource#*/}") || exit 1 ;; esac; done
echo "Forwarding from 127.0.0.1:$port -> 1"; exec sleep 60 ;; esac
"""
