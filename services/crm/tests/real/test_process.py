"""The real process, by `python -m crm`, without a sidecar."""

import json
import re
import signal
import socket
import sqlite3
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

import pytest
from helpers import emptied
from running import running, start

from crm.settings import Settings
from parts.mariadb import MariaDb
from parts.process import until

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
    assert all({"time", "level", "logger", "message"} <= line.keys() for line in lines)
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


def test_a_stop_while_the_database_is_away_ends_well_and_says_what_is_not_known(mariadb: MariaDb) -> None:
    for away, back in ((mariadb.kill, mariadb.begin), (mariadb.pause, mariadb.resume)):
        emptied(mariadb.url)
        with running(CRM_DATABASE_URL=mariadb.url) as (process, _):
            away()
            try:
                began = time.monotonic()
                lines = stopped(process)
            finally:
                back()
        assert lines[-1]["message"] == "stopped, and not known how many events are left"
        assert lines[-1]["unpublished"] is None
        assert time.monotonic() - began < 20


def told_to_stop(process: subprocess.Popen[str]) -> float:
    """Seconds until `process` has ended, well and without another word, after SIGTERM."""
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    try:
        output, _ = process.communicate(timeout=20)
    finally:
        process.kill()
    assert (process.returncode, output) == (0, "")
    return time.monotonic() - began


def catches_sigterm(process: subprocess.Popen[str]) -> bool:
    """Whether `process` has a way of its own to end."""
    caught = re.search(r"SigCgt:\s+(\w+)", Path(f"/proc/{process.pid}/status").read_text())
    return bool(caught and int(caught[1], 16) & 1 << (signal.SIGTERM - 1))


def connected(port: int) -> bool:
    """Whether anybody has a connection to a port of this machine."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    established = "01"
    return any(
        peer.endswith(f":{port:04X}") and state == established for _, _, peer, state, *_ in map(str.split, lines)
    )


def opens(process: subprocess.Popen[str], path: Path) -> bool:
    """Whether `process` has the file at `path` open."""
    files = Path(f"/proc/{process.pid}/fd")
    return any(file.exists() and file.resolve() == path for file in files.iterdir())


def test_it_stops_when_told_while_it_still_checks_a_large_file(tmp_path: Path) -> None:
    file = tmp_path / "customers.csv"
    with file.open("w") as large:
        large.write("customerId,connectionId,connectionMandate\n")
        large.writelines(f",{number},1\n" for number in range(3_000_000))
    process = start(CRM_CUSTOMERS_CSV=str(file))
    until(lambda: opens(process, file), "the file is being checked", every=0.01)
    assert told_to_stop(process) < 5


def test_it_stops_when_told_while_the_database_says_nothing(mariadb: MariaDb) -> None:
    mariadb.pause()
    try:
        process = start(CRM_DATABASE_URL=mariadb.url)
        until(lambda: connected(mariadb.port), "it has connected", every=0.01)
        assert told_to_stop(process) < 5
    finally:
        mariadb.resume()


def test_it_stops_when_told_before_it_has_begun() -> None:
    process = start()
    # From when Python has its handlers on; what is there of the process before that takes milliseconds.
    until(lambda: catches_sigterm(process), "it can be told", every=0.001)
    assert told_to_stop(process) < 5


def test_a_database_that_refuses_for_good_ends_the_import(tmp_path: Path) -> None:
    database = tmp_path / "crm.db"
    url = f"sqlite:///{database}"
    with running(CRM_DATABASE_URL=url) as (process, _):
        stopped(process)
    with closing(sqlite3.connect(database)) as db, db:
        db.execute("ALTER TABLE customers DROP COLUMN mandate")
    file = tmp_path / "more.csv"
    file.write_text("customerId,connectionId,connectionMandate\n,a,1\n")
    process = start(CRM_DATABASE_URL=url, CRM_CUSTOMERS_CSV=str(file))
    try:
        output, _ = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 1
    (error,) = (line for line in map(json.loads, output.splitlines()) if line["level"] == "error")
    assert "not as CRM needs it" in error["message"]


def has_ipv6() -> bool:
    """Whether this machine has an address of it; the service does without."""
    with suppress(OSError), socket.create_server(("::1", 0), family=socket.AF_INET6):
        return True
    return False


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", pytest.param("::1", marks=pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6"))],
)
def test_it_listens_on_ipv4_and_on_ipv6(address: str) -> None:
    with running() as (_, client), socket.create_connection((address, client.base_url.port), timeout=10) as connection:
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: crm\r\n\r\n")
        assert b" 200 " in connection.recv(65536)


def test_a_connection_is_kept_for_as_long_as_it_is_told_to() -> None:
    with (
        running(CRM_KEEP_ALIVE_SECONDS="1") as (_, client),
        socket.create_connection((client.base_url.host, client.base_url.port), timeout=10) as connection,
    ):
        connection.sendall(b"HEAD /livez HTTP/1.1\r\nHost: crm\r\n\r\n")
        assert b" 200 " in connection.recv(65536)
        began = time.monotonic()
        assert connection.recv(1) == b""
        assert 0.5 < time.monotonic() - began < 5
    assert Settings().keep_alive > 60  # as proxies have it


def test_with_a_durable_store_a_restart_keeps_all_and_announces_nothing_again(
    tmp_path: Path,
) -> None:
    url = f"sqlite:///{tmp_path}/crm.db"
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
        ({"CRM_DATABASE_URL": "sqlite:////nowhere/crm.db"}, "cannot be opened"),
        ({"CRM_DATABASE_URL": "nonsense"}, "cannot be opened"),
        ({"CRM_DATABASE_URL": "sqlite+aiosqlite:///crm.db"}, "cannot be opened"),
        ({"CRM_DATABASE_URL": "mysql+nodriver://h/d"}, "cannot be opened"),
    ],
)
def test_a_start_that_cannot_work_ends_with_one_clear_line(environ: dict[str, str], said: str) -> None:
    process = start(**environ)
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    (line,) = output.splitlines()
    assert json.loads(line)["level"] == "error"
    assert said in json.loads(line)["message"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CRM_PORT", "70000"),
        ("CRM_DRAIN_SECONDS", "soon"),
        ("CRM_KEEP_ALIVE_SECONDS", "0"),
        ("CRM_LEASE_SECONDS", "1"),
        ("CRM_DOCS", "perhaps"),
        ("LOG_LEVEL", "loud"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named_with_its_value_and_the_rule(name: str, value: str) -> None:
    process = start(**{name: value})
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 2
    (line,) = output.splitlines()
    assert line.startswith(f"{name}={value!r}: Input should be ")


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
