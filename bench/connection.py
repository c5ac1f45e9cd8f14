"""One HTTP connection that is kept: it costs those who are measured as little as can be."""

import http.client
from typing import Self


class Connection:
    """As a context: a connection to a server of this machine."""

    def __init__(self, port: int) -> None:
        self._http = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def get(self, path: str) -> bytes:
        """What is answered to GET, also when that is no success."""
        return self._ask("GET", path, None)[1]

    def post(self, path: str, body: bytes) -> None:
        """POST a JSON body. AssertionError when the answer is no success."""
        status, said = self._ask("POST", path, body)
        if status not in {200, 201}:
            raise AssertionError(f"POST {path}: {status} {said[:500]!r}")

    def metric(self, sample: str) -> float:
        """The value of a metric, by name and labels as they are written; 0 when it is not there."""
        for line in self.get("/metrics").decode().splitlines():
            name, _, value = line.rpartition(" ")
            if name == sample:
                return float(value)
        return 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def _ask(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        self._http.request(method, path, body, {"Content-Type": "application/json"} if body else {})
        answer = self._http.getresponse()
        return answer.status, answer.read()
