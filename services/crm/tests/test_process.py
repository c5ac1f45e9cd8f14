"""The real process, by `python -m crm`, without a sidecar."""

import json
import signal
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from running import running, start

IMPORTED = 12
MOLLY = {"firstName": "Molly", "connectionId": "928", "connectionMandate": "0"}


def stopped(process: subprocess.Popen[str]) -> list[dict[str, object]]:
    """The log lines of `process` after SIGTERM, when it has ended well."""
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=20)
    assert process.returncode == 0, output
    return [json.loads(line) for line in output.splitlines()]


def test_it_accepts_changes_without_a_sidecar_and_stops_when_told() -> None:
    with running() as (process, client), ThreadPoolExecutor(16) as pool:
        responses = list(pool.map(lambda _: client.post("/customers", json=MOLLY), range(16)))
        assert [response.status_code for response in responses] == [201] * 16
        assert len(client.get("/").json()) == IMPORTED + 16
        lines = stopped(process)
    assert lines[-1]["message"] == "stopped"
    assert lines[-1]["unpublished"] == IMPORTED + 16
    assert all({"time", "level", "message"} <= line.keys() for line in lines)
    assert sum(line["message"] == "customer created" for line in lines) == 16
    assert not any("Molly" in json.dumps(line) for line in lines)


def test_requests_under_way_when_it_is_told_to_stop_are_still_answered() -> None:
    body = json.dumps(MOLLY).encode()
    with running() as (process, client):
        address = (client.base_url.host, client.base_url.port)
        with socket.create_connection(address, timeout=10) as connection:
            head = f"POST /customers HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
            connection.sendall(head.encode() + body[:10])
            while client.get("/livez").status_code != 200:
                pass
            process.send_signal(signal.SIGTERM)
            connection.sendall(body[10:])
            assert b" 201 " in connection.recv(65536)
        output, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert json.loads(output.splitlines()[-1])["unpublished"] == IMPORTED + 1


def test_connections_on_which_nothing_is_under_way_do_not_hold_up_a_stop() -> None:
    with running() as (process, client):
        address = (client.base_url.host, client.base_url.port)
        with socket.create_connection(address) as silent, socket.create_connection(address) as halfway:
            halfway.sendall(b"GET / HTTP/1.1\r\nHost")
            assert client.get("/livez").status_code == 200  # this one stays open, too
            began = time.monotonic()
            stopped(process)
            assert time.monotonic() - began < 5  # a request under way would be given twice as long
            assert silent.recv(1) == halfway.recv(1) == b""


def test_with_a_durable_store_a_restart_keeps_all_and_announces_nothing_again(
    tmp_path: Path,
) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path}/crm.db"
    with running(CRM_DATABASE_URL=url) as (process, client):
        client.post("/customers", json=MOLLY)
        first = client.get("/").json()
        assert stopped(process)[-1]["unpublished"] == IMPORTED + 1
    with running(CRM_DATABASE_URL=url) as (process, client):
        assert client.get("/").json() == first
        assert stopped(process)[-1]["unpublished"] == IMPORTED + 1


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"CRM_CUSTOMERS_CSV": "/nowhere.csv"}, "/nowhere.csv"),
        ({"CRM_DATABASE_URL": "sqlite+aiosqlite:////nowhere/crm.db"}, "cannot be opened"),
        ({"CRM_DATABASE_URL": "nonsense"}, "cannot be opened"),
        ({"CRM_DATABASE_URL": "sqlite:///sync.db"}, "cannot be opened"),
        ({"CRM_DATABASE_URL": "mysql+nodriver://h/d"}, "cannot be opened"),
        ({"CRM_PORT": "70000"}, "CRM_PORT"),
        ({"CRM_DRAIN_SECONDS": "soon"}, "CRM_DRAIN_SECONDS"),
        ({"LOG_LEVEL": "loud"}, "LOG_LEVEL"),
    ],
)
def test_a_start_that_cannot_work_ends_with_one_clear_line(environ: dict[str, str], said: str) -> None:
    process = start(**environ)
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    (line,) = output.splitlines()
    assert json.loads(line)["level"] == "error"
    assert said in json.loads(line)["message"]


def test_a_flawed_file_stops_the_start_and_every_flaw_is_in_the_log(tmp_path: Path) -> None:
    file = tmp_path / "customers.csv"
    file.write_text("customerId,connectionId,connectionMandate\n1,a,3\n2,,1\n")
    process = start(CRM_CUSTOMERS_CSV=str(file))
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    (line,) = output.splitlines()
    assert json.loads(line)["flaws"] == [
        'line 2, connectionMandate: must be 0, 1 or 2, not "3"',
        "line 3, connectionId: must have 1 to 128 characters, not 0",
    ]
