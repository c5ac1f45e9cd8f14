"""The real process, without a sidecar."""

import json
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from parts.daprd import APP_API_TOKEN
from parts.iot import Iot
from parts.process import free_port

SIDECAR = {"dapr-api-token": APP_API_TOKEN}
EVENT = {"data": {"connectionId": "7733", "connectionMandate": "1"}, "sequence": "1"}


@pytest.fixture
def silent_sidecar() -> Iterator[socket.socket]:
    """It takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(15)
        yield server


def port_of(server: socket.socket) -> str:
    return str(server.getsockname()[1])


Run = Callable[..., Iot]
"""IoT with these settings, in a folder of the test's own, not started."""


@pytest.fixture
def iot(tmp_path: Path) -> Run:
    def run(**settings: str) -> Iot:
        return Iot(tmp_path, **{"DAPR_GRPC_PORT": str(free_port())} | settings)

    return run


def get(service: Iot, path: str) -> httpx.Response:
    return httpx.get(service.url + path, timeout=10)


def post(service: Iot, answer: list[httpx.Response]) -> threading.Thread:
    def run() -> None:
        answer.append(httpx.post(f"{service.url}/mandates", json=EVENT, headers=SIDECAR, timeout=15))

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_without_a_sidecar_it_listens_at_once_and_says_that_the_store_is_away(iot: Run) -> None:
    began = time.monotonic()
    with iot() as service:
        assert time.monotonic() - began < 10
        assert get(service, "/livez").status_code == 200
        assert get(service, "/readyz").status_code == 503
        answer = get(service, "/?connectionId=7733")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert get(service, "/?connectionId=").status_code == 400
        assert httpx.head(f"{service.url}/?connectionId=7733").status_code == 503
        assert httpx.post(f"{service.url}/mandates", json=EVENT, headers=SIDECAR).json()["status"] == "RETRY"
        assert service.stop() == 0


def test_every_line_of_the_log_is_json_and_bears_the_trace_that_it_belongs_to(iot: Run) -> None:
    def parent(digit: str) -> str:
        return f"00-{digit * 32}-b7ad6b7169203331-01"

    batch = [{"event": {"traceparent": parent("a")}}, {"event": "hello"}]
    with iot() as service:
        headers = {**SIDECAR, "traceparent": parent("b")}
        httpx.post(f"{service.url}/mandates", json={"entries": batch}, headers=headers)
        httpx.post(f"{service.url}/mandates", json=EVENT, headers=SIDECAR)
        assert service.stop() == 0
    lines = [json.loads(line) for line in service.said().splitlines()]
    said = [(line["level"], line.get("traceId", "")[:1]) for line in lines if line["level"] != "info"]
    assert said == [("warning", "b"), ("warning", "")]


def test_a_sidecar_that_never_answers_costs_no_more_than_the_time_limit(
    iot: Run, silent_sidecar: socket.socket
) -> None:
    with iot(DAPR_GRPC_PORT=port_of(silent_sidecar), IOT_STATE_TIMEOUT_SECONDS="0.3") as service:
        began = time.monotonic()
        assert get(service, "/?connectionId=7733").status_code == 503
        assert 0.2 < time.monotonic() - began < 3


def test_sigterm_finishes_the_batch_in_hand(iot: Run, silent_sidecar: socket.socket) -> None:
    with iot(DAPR_GRPC_PORT=port_of(silent_sidecar), IOT_DELIVERY_TIMEOUT_SECONDS="2") as service:
        answer: list[httpx.Response] = []
        client = post(service, answer)
        # Once the service calls its sidecar, it has the batch in hand.
        connection, _ = silent_sidecar.accept()
        assert not answer
        assert service.stop() == 0
        client.join()
        connection.close()
        assert answer[0].json()["status"] == "RETRY"


@pytest.mark.parametrize("signals", [[signal.SIGINT], [signal.SIGTERM, signal.SIGTERM]])
def test_ctrl_c_and_a_second_sigterm_end_it_too(iot: Run, signals: list[int]) -> None:
    with iot() as service:
        for number in signals:
            service.send(number)
        assert service.ended() == 0


def test_a_wrong_setting_is_said_and_ends_it(iot: Run) -> None:
    service = iot(IOT_STATE_TIMEOUT_SECONDS="soon").start()
    assert service.ended() == 2
    assert "IOT_STATE_TIMEOUT_SECONDS='soon'" in service.said()


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_it_listens_on_both_kinds_of_address(iot: Run, host: str) -> None:
    with iot() as service:
        assert httpx.get(f"http://{host}:{service.port}/livez", timeout=10).is_success


def test_a_connection_is_kept_as_long_as_the_setting_says(iot: Run) -> None:
    with iot(IOT_KEEP_ALIVE_SECONDS="1") as service, socket.create_connection(("127.0.0.1", service.port)) as link:
        link.settimeout(10)
        link.sendall(b"GET /livez HTTP/1.1\r\nHost: iot\r\n\r\n")
        answer = b""
        while not answer.endswith(b'{"status":"alive"}'):
            answer += link.recv(65536)
        began = time.monotonic()
        assert link.recv(65536) == b""
        assert 0.5 < time.monotonic() - began < 5


@pytest.mark.parametrize("token", ["", " "])
def test_without_a_token_it_says_so_and_answers_queries(iot: Run, token: str) -> None:
    with iot(APP_API_TOKEN=token) as service:
        assert httpx.post(f"{service.url}/mandates", json=EVENT, headers=SIDECAR).status_code == 403
        assert get(service, "/?connectionId=7733").status_code == 503
    assert "APP_API_TOKEN is not set" in service.said()


def test_a_stranger_is_refused_before_what_he_sends_is_read(iot: Run) -> None:
    with iot() as service, socket.create_connection(("127.0.0.1", service.port)) as link:
        link.settimeout(10)
        link.sendall(b"POST /mandates HTTP/1.1\r\nHost: iot\r\nContent-Length: 1000000\r\n\r\n")
        assert link.recv(65536).startswith(b"HTTP/1.1 403 ")


def test_a_port_that_is_taken_is_said_in_a_sentence(iot: Run) -> None:
    with iot() as first:
        second = iot(IOT_PORT=str(first.port)).start()
        assert second.ended() == 3
        lines = [json.loads(line) for line in second.said().splitlines()]
        (said,) = (line["message"] for line in lines if line["level"] == "error")
        assert f"{first.port}): address already in use" in said
        assert "Traceback" not in second.said()


def test_two_requests_at_once_on_a_connection_do_not_share_a_trace(iot: Run) -> None:
    body = json.dumps(EVENT).encode()
    parent = b"traceparent: 00-" + b"c" * 32 + b"-b7ad6b7169203331-01\r\n"

    def request(*headers: bytes) -> bytes:
        token = f"dapr-api-token: {APP_API_TOKEN}\r\nContent-Length: {len(body)}\r\n".encode()
        return b"POST /mandates HTTP/1.1\r\nHost: iot\r\n" + token + b"".join(headers) + b"\r\n" + body

    with iot() as service, socket.create_connection(("127.0.0.1", service.port)) as link:
        link.settimeout(10)
        link.sendall(request(parent) + request(b"Connection: close\r\n"))
        while link.recv(65536):
            pass
        assert service.stop() == 0
    lines = [json.loads(line) for line in service.said().splitlines()]
    assert [line.get("traceId", "")[:1] for line in lines if line["level"] == "warning"] == ["c", ""]
