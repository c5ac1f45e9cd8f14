"""A real broker in a container, started with the very files the operator makes for a pod."""

from __future__ import annotations

import asyncio
import os
import resource
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient

from strimzi_double.admin import Acl
from strimzi_double.authority import random_password
from strimzi_double.broker_config import (
    AUTHORITY_DIRECTORY,
    CONFIG_DIRECTORY,
    DATA_DIRECTORY,
    KEYS_DIRECTORY,
    OPERATOR_NAME,
    broker_files,
)
from strimzi_double.certificates import KeyPair, issue, new_authority
from strimzi_double.cluster_reader import read_cluster
from strimzi_double.confluent import ConfluentAdmin

from .resources import kafka, pool

ENGINE = os.environ.get("CONTAINER_ENGINE", "podman")
IMAGE = os.environ.get("STRIMZI_DOUBLE_KAFKA_IMAGE", "mandates/kafka:4.3.1")
_PORTS = (9091, 9092, 9093)
_START_SECONDS = 90


@dataclass
class Broker:
    """A running broker. ports: a listener's port in the properties -> where it really is."""

    container: str
    ports: Mapping[int, int]
    ca: str
    operator: KeyPair
    _marks: Iterator[int] = field(default_factory=count)

    @property
    def plain(self) -> str:
        """Where ANONYMOUS, a super user, comes in: from here and inside the container."""
        return f"localhost:{self.ports[9092]}"

    @property
    def operator_config(self) -> dict[str, Any]:
        """How the operator connects: with its certificate."""
        return {
            "bootstrap.servers": f"localhost:{self.ports[9091]}",
            "security.protocol": "ssl",
            "ssl.ca.pem": self.ca,
            "ssl.certificate.pem": self.operator.certificate,
            "ssl.key.pem": self.operator.key,
        }

    def admin(self, timeout: float = 15) -> ConfluentAdmin:
        return ConfluentAdmin(self.operator_config, timeout)

    @cached_property
    def by_hand(self) -> AdminClient:
        """A client of somebody who changes things behind the operator's back."""
        return AdminClient({"bootstrap.servers": self.plain})

    @cached_property
    def _marker(self) -> ConfluentAdmin:
        return self.admin()

    async def did(self, change: Future[Any]) -> None:
        """Wait for a change by hand, and until it shows."""
        await asyncio.wrap_future(change)
        await self.caught_up()

    async def caught_up(self) -> None:
        """Wait until the broker shows all that was changed so far.

        The controller answers when it has a change; the broker follows a moment later, in the same order, and
        with ACLs last. So what was before one of them is there when this one is.
        """
        mark = Acl("TOPIC", f"mark-{next(self._marks)}", "LITERAL", "*", "READ", "ALLOW")
        await self._marker.change_acls("mark", {mark}, set())
        async with asyncio.timeout(15):
            while mark not in await self._marker.acls("mark"):  # noqa: ASYNC110  Kafka tells nobody
                await asyncio.sleep(0.01)
        await self._marker.change_acls("mark", set(), {mark})

    def client_config(self, name: str, password: str) -> dict[str, Any]:
        """How a service connects: TLS, and its user's password."""
        return {
            "bootstrap.servers": f"localhost:{self.ports[9093]}",
            "security.protocol": "sasl_ssl",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": name,
            "sasl.password": password,
            "ssl.ca.pem": self.ca,
            "log_level": 0,
        }

    def producer(self, name: str, password: str) -> Producer:
        return Producer(self.client_config(name, password))

    def consumer(self, name: str, password: str, group: str) -> Consumer:
        group_config = {"group.id": group, "auto.offset.reset": "earliest"}
        return Consumer({**self.client_config(name, password), **group_config})

    def run(self, *command: str) -> str:
        """The output of a command in the container."""
        return _engine("exec", self.container, *command)


@contextmanager
def running_broker(folder: Path, **config: object) -> Iterator[Broker]:
    """One broker with SCRAM, TLS and StandardAuthorizer; config goes into spec.kafka.config."""
    one_node = {
        "offsets.topic.replication.factor": 1,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "default.replication.factor": 1,
        "auto.create.topics.enable": False,
        "group.initial.rebalance.delay.ms": 0,
    }
    wanted = read_cluster(kafka(config={**one_node, **config}), [pool(replicas=1)])
    ports = {port: _free_port() for port in _PORTS}
    host = wanted.pod_host(0)
    authority = new_authority("test-ca")
    signed, pod = issue(authority, wanted.kafka, ["localhost", host]), wanted.pod(0)
    _write(folder / "keys", {f"{pod}.crt": signed.certificate, f"{pod}.key": signed.key})
    _write(folder / "authority", {"ca.crt": authority.certificate})
    files = broker_files(wanted, 0)
    files["server.properties"] = _seen_from_outside(files["server.properties"], host, ports)
    _write(folder / "config", files)

    name = f"strimzi-double-test-{random_password(8)}"
    limits = {
        "nofile": resource.getrlimit(resource.RLIMIT_NOFILE)[1],
        "nproc": int(Path("/proc/sys/kernel/pid_max").read_text()) // 2,
    }
    _engine(
        *("run", "--detach", "--rm", "--pull=never", "--name", name, "--hostname", host),
        *(f"--ulimit={what}={most}:{most}" for what, most in limits.items()),
        *(f"--publish=127.0.0.1:{port}:{port}" for port in ports.values()),
        f"--volume={folder / 'config'}:{CONFIG_DIRECTORY}:ro",
        f"--volume={folder / 'keys'}:{KEYS_DIRECTORY}:ro",
        f"--volume={folder / 'authority'}:{AUTHORITY_DIRECTORY}:ro",
        f"--tmpfs={DATA_DIRECTORY}/{wanted.pools[0].storage.volume}:rw,mode=1777",
        *("--workdir=/opt/kafka", IMAGE, f"{CONFIG_DIRECTORY}/start.sh"),
    )
    try:
        broker = Broker(name, ports, authority.certificate, issue(authority, OPERATOR_NAME))
        poll_until(lambda: _answers(broker), seconds=_START_SECONDS)
        yield broker
    finally:
        _engine("rm", "--force", "--time=1", name)


def poll_until(condition: Callable[[], bool], seconds: float = 15) -> None:
    """Return as soon as the condition holds; AssertionError if it never does."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.1)


def _answers(broker: Broker) -> bool:
    probe = [ENGINE, "exec", broker.container, f"{CONFIG_DIRECTORY}/ready.sh"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


def _seen_from_outside(properties: str, host: str, ports: Mapping[int, int]) -> str:
    """The listeners on ports that are the same inside and outside of the container."""
    lines = []
    for line in properties.splitlines():
        told = line
        if line.startswith(("listeners=", "advertised.listeners=")):
            for port, outside in ports.items():
                told = told.replace(f"{host}:{port}", f"localhost:{outside}")
                told = told.replace(f"0.0.0.0:{port}", f"0.0.0.0:{outside}")
        lines.append(told)
    return "\n".join(lines) + "\n"


def _write(folder: Path, files: Mapping[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_text(content)
        (folder / name).chmod(0o555)


def _free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port: int = server.getsockname()[1]
        return port


def _engine(*words: str) -> str:
    done = subprocess.run([ENGINE, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{ENGINE} {words[0]}: {done.stderr}"
    return done.stdout
