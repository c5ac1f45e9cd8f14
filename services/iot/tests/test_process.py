"""The real process, without a sidecar."""

import json
import signal
import socket
import threading
import time
from collections.abc import Iterator

import httpx
import pytest
from service import Service, free_port, running, until

EVENT = {"data": {"connectionId": "7733", "connectionMandate": "1"}, "sequence": "1"}


@pytest.fixture
def silent_sidecar() -> Iterator[socket.socket]:
    """It takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(15)
        yield server


def port_of(server: socket.socket) -> str:
    return str(server.getsockname()[1])


def post(service: Service, answer: list[httpx.Response]) -> threading.Thread:
    def run() -> None:
        answer.append(httpx.post(f"{service.url}/mandates", json=EVENT, timeout=15))

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_without_a_sidecar_it_listens_at_once_and_says_that_the_store_is_away() -> None:
    began = time.monotonic()
    with running(DAPR_GRPC_PORT=str(free_port())) as service:
        assert time.monotonic() - began < 10
        assert service.get("/livez").status_code == 200
        assert service.get("/readyz").status_code == 503
        answer = service.get("/?connectionId=7733")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert service.get("/?connectionId=").status_code == 400
        assert httpx.head(f"{service.url}/?connectionId=7733").status_code == 503
        assert httpx.post(f"{service.url}/mandates", json=EVENT).json()["status"] == "RETRY"
        assert service.terminate()[0] == 0


def test_every_line_of_the_log_is_json_and_bears_the_trace_that_it_belongs_to() -> None:
    def parent(digit: str) -> str:
        return f"00-{digit * 32}-b7ad6b7169203331-01"

    batch = [{"event": {"traceparent": parent("a")}}, {"event": "hello"}]
    with running(DAPR_GRPC_PORT=str(free_port())) as service:
        headers = {"traceparent": parent("b")}
        httpx.post(f"{service.url}/mandates", json={"entries": batch}, headers=headers)
        httpx.post(f"{service.url}/mandates", json=EVENT)
        lines = [json.loads(line) for line in service.terminate()[1].splitlines()]
    said = [(line["level"], line.get("traceId", "")[:1]) for line in lines if line["level"] != "info"]
    assert said == [("warning", "b"), ("warning", "")]


def test_a_sidecar_that_never_answers_costs_no_more_than_the_time_limit(
    silent_sidecar: socket.socket,
) -> None:
    with running(DAPR_GRPC_PORT=port_of(silent_sidecar), IOT_STATE_TIMEOUT_SECONDS="0.3") as service:
        began = time.monotonic()
        assert service.get("/?connectionId=7733").status_code == 503
        assert 0.2 < time.monotonic() - began < 3


def test_sigterm_finishes_the_batch_in_hand(silent_sidecar: socket.socket) -> None:
    with running(DAPR_GRPC_PORT=port_of(silent_sidecar), IOT_STATE_TIMEOUT_SECONDS="2") as service:
        answer: list[httpx.Response] = []
        client = post(service, answer)
        # Once the service calls its sidecar, it has the batch in hand.
        connection, _ = silent_sidecar.accept()
        assert not answer
        assert service.terminate()[0] == 0
        client.join()
        connection.close()
        assert answer[0].json()["status"] == "RETRY"


@pytest.mark.parametrize("signals", [[signal.SIGINT], [signal.SIGTERM, signal.SIGTERM]])
def test_ctrl_c_and_a_second_sigterm_end_it_too(signals: list[int]) -> None:
    with running(DAPR_GRPC_PORT=str(free_port())) as service:
        for number in signals:
            service.process.send_signal(number)
        until(lambda: service.process.poll() is not None, "the process ends")
        assert service.process.returncode == 0


def test_a_wrong_setting_is_said_and_ends_it() -> None:
    with running(IOT_STATE_TIMEOUT_SECONDS="soon") as service:
        said, _ = service.process.communicate(timeout=15)
        assert service.process.returncode == 2
        assert "IOT_STATE_TIMEOUT_SECONDS='soon'" in said
