"""What a broker is told, beyond what the tests with a real broker show."""

from __future__ import annotations

from typing import Any

import pytest

from strimzi_double.broker_config import broker_files, server_properties
from strimzi_double.cluster import Cluster
from strimzi_double.cluster_reader import read_cluster

from .resources import kafka, pool


def cluster(jvm: dict[str, Any] | None = None, **broker: Any) -> Cluster:
    spec: dict[str, Any] = {"jvmOptions": jvm} if jvm is not None else {}
    return read_cluster(kafka(**broker), [pool(**spec)])


def properties(of: Cluster, node: int = 1) -> dict[str, str]:
    lines = server_properties(of, node).splitlines()
    return dict(line.split("=", 1) for line in lines)


def test_every_node_knows_the_quorum_by_name() -> None:
    told = properties(cluster())
    host = "c-p-{}.c-kafka-brokers.ns.svc"
    voters = ",".join(f"{n}@{host.format(n)}:9090" for n in range(3))
    assert told["controller.quorum.voters"] == voters
    assert told["process.roles"] == "broker,controller"
    assert told["node.id"] == "1"
    assert f"TLS-9093://{host.format(1)}:9093" in told["advertised.listeners"]


def test_a_node_of_one_role_opens_only_its_doors() -> None:
    pools = [pool("broker", roles=["broker"]), pool("controller", roles=["controller"])]
    apart = read_cluster(kafka(), pools)
    broker, controller = properties(apart, 0), properties(apart, 3)
    quorum = ",".join(f"{n}@c-controller-{n}.c-kafka-brokers.ns.svc:9090" for n in (3, 4, 5))
    assert broker["controller.quorum.voters"] == controller["controller.quorum.voters"] == quorum
    assert (broker["process.roles"], controller["process.roles"]) == ("broker", "controller")
    assert "CONTROLPLANE-9090://" not in broker["listeners"]
    assert controller["listeners"] == "CONTROLPLANE-9090://0.0.0.0:9090"
    assert "inter.broker.listener.name" not in controller
    assert not [name for name in controller if "sasl" in name]
    assert broker["listener.security.protocol.map"] == controller["listener.security.protocol.map"]


@pytest.mark.parametrize(
    ("tls", "authentication", "protocol"),
    [
        (False, None, "PLAINTEXT"),
        (True, None, "SSL"),
        (True, {"type": "scram-sha-512"}, "SASL_SSL"),
        (False, {"type": "scram-sha-512"}, "SASL_PLAINTEXT"),
    ],
)
def test_a_listener_becomes_a_protocol(tls: bool, authentication: dict[str, str] | None, protocol: str) -> None:
    listener: dict[str, Any] = {"name": "own", "port": 9095, "type": "internal", "tls": tls}
    if authentication:
        listener["authentication"] = authentication
    told = properties(cluster(listeners=[listener]))
    assert f"OWN-9095:{protocol}" in told["listener.security.protocol.map"]
    has_scram = "listener.name.own-9095.sasl.enabled.mechanisms" in told
    assert has_scram == (authentication is not None)


def test_nobody_is_super_without_being_named() -> None:
    told = properties(cluster(authorization={"type": "simple"}))
    assert "ANONYMOUS" not in told["super.users"]
    assert "User:CN=c-kafka,O=io.strimzi" in told["super.users"].split(";")


def test_without_authorization_there_is_no_authorizer() -> None:
    told = properties(cluster(authorization=None))
    assert "authorizer.class.name" not in told
    assert "super.users" not in told


def test_only_the_nodes_and_the_operator_reach_the_inner_ports() -> None:
    told = properties(cluster())
    assert told["listener.name.controlplane-9090.ssl.client.auth"] == "required"
    assert told["listener.name.replication-9091.ssl.client.auth"] == "required"
    assert "PROBE-8443://127.0.0.1:8443" in told["listeners"].split(",")


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (None, "-Xms256m -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1"),
        (
            {"-Xms": "1g", "-Xmx": "2g", "-XX": {"UseG1GC": "true", "MaxGCPauseMillis": "20"}},
            "-Xms1g -Xmx2g -XX:+UseG1GC -XX:MaxGCPauseMillis=20",
        ),
        ({"-XX": {"UseG1GC": "false"}}, "-Xms256m -Xmx256m -XX:-UseG1GC"),
    ],
)
def test_jvm_options(options: dict[str, Any] | None, line: str) -> None:
    assert f"JVM='{line}'\n" in broker_files(cluster(jvm=options), 0)["environment"]
