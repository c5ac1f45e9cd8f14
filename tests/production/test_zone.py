"""A zone is lost without a word, and comes back: nothing accepted is lost, and reads and writes go on."""

import json
import os
import subprocess
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import zones
from cluster import engine, node
from cluster.failure import Failure
from cluster.target import Target
from form import NAME, Running, up
from offline.progress import say, step
from offline.step import CACHE
from operate.broker import TOOLS, TOPIC
from operate.pod import run_in
from polling import poll_until

LOAD = Path(__file__).parent / "load.py"
SERVICES = ("crm", "iot")
# Changes that one sees come through before, without and again with the zone.
SEEN = 30
KAFKA = "strimzi.io/cluster=mandates"


@pytest.fixture(scope="session")
def running() -> Iterator[Running]:
    """The cluster; KEEP=1 leaves it for the next run."""
    bare = Target(NAME, CACHE / f"{NAME}.kubeconfig")
    service_was_up = engine.service_answers()
    say("")
    there = up(bare)
    try:
        yield there
    finally:
        if not os.environ.get("KEEP"):
            with step(f"delete cluster {NAME}"):
                node.delete(there.target)
            if not service_was_up:
                engine.stop_service()


class Load:
    """load.py in a pod, and what it says."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self._said: deque[dict[str, Any]] = deque(maxlen=1)
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self._said.append(json.loads(line))

    def goes_on(self, what: str) -> None:
        """Wait until changes are taken, asked for and seen once more."""
        before = dict(self._said[-1]) if self._said else {"writes": 0, "reads": 0, "visible": 0}
        poll_until(
            lambda: self._said and all(self._said[-1][key] >= before[key] + SEEN for key in before),
            what,
            seconds=300,
            every=1,
        )

    def end(self) -> dict[str, Any]:
        """Its last word."""
        assert self._process.stdin
        self._process.stdin.close()
        self._reader.join(timeout=300)
        assert self._process.wait(timeout=30) == 0
        return self._said[-1]


@contextmanager
def load(running: Running) -> Iterator[Load]:
    """Work for the length of a block, from the node that is not stopped."""
    target = running.target
    crm = target.get("deployment/crm")
    assert crm
    spec = crm["spec"]["template"]["spec"]
    container = spec["containers"][0]
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "load", "labels": {"app.kubernetes.io/name": "load"}},
        "spec": {
            "nodeSelector": {"node-role.kubernetes.io/control-plane": ""},
            "tolerations": [{"operator": "Exists"}],
            "automountServiceAccountToken": False,
            "securityContext": spec["securityContext"],
            "containers": [
                {
                    "name": "load",
                    "image": container["image"],
                    "securityContext": container["securityContext"],
                    "command": ["python", "-u", "-c", LOAD.read_text()],
                    "stdin": True,
                    "stdinOnce": True,
                }
            ],
            "restartPolicy": "Never",
        },
    }
    target.kubectl("delete", "pod", "load", "--ignore-not-found")
    target.kubectl("apply", "-f", LOAD.with_suffix(".yaml"))
    target.kubectl("create", "-f", "-", stdin=json.dumps(pod))
    target.kubectl("wait", "--for=condition=Ready", "pod/load", "--timeout=60s")
    with subprocess.Popen(
        target.words("attach", "load", "--stdin", "--quiet"),
        env=target.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Load(process)
        finally:
            process.terminate()
            target.kubectl("delete", "pod", "load", "--grace-period=1", "--ignore-not-found")


def nodes_of(running: Running, label: str) -> dict[str, str]:
    """Ready pod -> its node."""
    found = (running.target.get("pods", f"--selector={label}") or {"items": []})["items"]
    return {one["metadata"]["name"]: one["spec"]["nodeName"] for one in found if _ready(one)}


def _ready(one: dict[str, Any]) -> bool:
    conditions = one.get("status", {}).get("conditions", [])
    return any(of["type"] == "Ready" and of["status"] == "True" for of in conditions)


def node_ready(running: Running, name: str) -> bool:
    return _ready(running.target.get("node", name) or {})


def zone_of(running: Running) -> dict[str, str]:
    """Worker -> zone."""
    found = (running.target.get("nodes", "--selector=topology.kubernetes.io/zone") or {"items": []})["items"]
    return {one["metadata"]["name"]: one["metadata"]["labels"]["topology.kubernetes.io/zone"] for one in found}


def described(running: Running, *words: str) -> str:
    """What kafka-topics.sh says. AssertionError where it cannot be asked: its pod may have been on the node."""
    try:
        return run_in(running.target, TOOLS, "kafka-topics.sh", "--describe", *words)
    except Failure as failure:
        raise AssertionError(str(failure)) from failure


def in_sync(running: Running) -> bool:
    """Whether every partition has all its replicas."""
    return described(running, "--under-replicated-partitions").strip() == ""


def replicas(running: Running) -> list[set[str]]:
    """The zones of each partition's replicas, of the topic of mandates."""
    zones_ = zone_of(running)
    brokers = nodes_of(running, f"{KAFKA},strimzi.io/broker-role=true")
    by_id = {name.rpartition("-")[2]: zones_[node] for name, node in brokers.items()}
    lines = described(running, "--topic", TOPIC).splitlines()
    found = [line.split("Replicas: ")[1].split()[0] for line in lines if "Replicas: " in line]
    return [{by_id[one] for one in line.split(",")} for line in found]


@pytest.fixture
def victim(running: Running) -> Iterator[str]:
    """A worker with replicas of both services; it runs again afterwards."""
    crm, iot = (set(nodes_of(running, f"app.kubernetes.io/name={name}").values()) for name in SERVICES)
    name = min(crm & iot)
    yield name
    if not node_ready(running, name):
        start(running, name)


def start(running: Running, name: str) -> None:
    """Start a node, which may have another address than before."""
    running.target.run(running.way.engine, "start", name, log="nodes")
    poll_until(lambda: node_ready(running, name), "the node is back", seconds=120, every=1)
    zones.connect(running.target, running.way)


def test_everything_stands_in_three_zones(running: Running) -> None:
    zones_ = zone_of(running)
    assert sorted(zones_.values()) == list(zones.ZONES)
    for role in ("broker", "controller"):
        label = f"{KAFKA},strimzi.io/pool-name={role}"
        assert sorted(zones_[node] for node in nodes_of(running, label).values()) == list(zones.ZONES), role
    assert replicas(running) == [set(zones.ZONES)] * 4
    for name in SERVICES:
        assert len({zones_[node] for node in nodes_of(running, f"app.kubernetes.io/name={name}").values()}) == 2, name


def test_a_zone_that_is_lost_takes_nothing_with_it(running: Running, victim: str) -> None:
    target = running.target
    with load(running) as work:
        with step("load: 500 connections, changes and queries"):
            work.goes_on("changes come through")
        with step(f"stop {victim} hard, until both services have two replicas again"):
            target.run(running.way.engine, "kill", victim, log="nodes")
            poll_until(lambda: not node_ready(running, victim), "the node is missed", seconds=120, every=1)
            for name in SERVICES:
                label = f"app.kubernetes.io/name={name}"
                poll_until(
                    lambda label=label: len(nodes_of(running, label)) == 2,  # type: ignore[misc]
                    f"{name} has two replicas without the zone",
                    seconds=240,
                    every=1,
                )
            work.goes_on("changes come through without the zone")
        with step("start it again, until every partition has its three replicas"):
            start(running, victim)
            poll_until(lambda: len(nodes_of(running, KAFKA)) >= 6, "Kafka's pods are back", seconds=300, every=2)
            poll_until(lambda: in_sync(running), "all replicas are in sync", seconds=120, every=2)
            work.goes_on("changes come through with the zone again")
        figures = work.end()
    for what, figure in figures.items():
        say(f"  {what}: {figure}")
    assert figures["connections"] == 500
    assert figures["wrong"] == []
