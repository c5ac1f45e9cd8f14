"""The files a broker starts with: the content of the ConfigMap named as its pod."""

from __future__ import annotations

from importlib.resources import files

from .certificates import principal
from .cluster import METADATA_VERSION, Cluster, Listener
from .resource import Resource

CONTROL_PLANE_PORT = 9090
REPLICATION_PORT = 9091
# Where real Strimzi's Kafka Agent tells whether the broker is ready. Here the probe asks the
# broker itself, through a door that only opens to the pod.
PROBE_PORT = 8443
CONFIG_DIRECTORY = "/opt/kafka/custom-config"
# The pod's own Secret, and that of the authority which signed what is in it.
KEYS_DIRECTORY = "/opt/kafka/broker-certs"
AUTHORITY_DIRECTORY = "/opt/kafka/cluster-ca-certs"
# Kafka reads certificate and key from one file: start.sh puts them together.
KEYSTORE = "/tmp/keystore.pem"  # noqa: S108  the pod's own emptyDir
DATA_DIRECTORY = "/var/lib/kafka"
OPERATOR_NAME = "cluster-operator"

_CONTROL_PLANE = f"CONTROLPLANE-{CONTROL_PLANE_PORT}"
_REPLICATION = f"REPLICATION-{REPLICATION_PORT}"
_PROBE = f"PROBE-{PROBE_PORT}"
_SCRAM_MODULE = "org.apache.kafka.common.security.scram.ScramLoginModule required;"


def broker_files(cluster: Cluster, node: int) -> dict[str, str]:
    """File name -> content: properties, logging, and the scripts that start and probe the node."""
    return {
        "server.properties": server_properties(cluster, node),
        "log4j2.properties": _asset("log4j2.properties"),
        "java.security": _asset("java.security"),
        "ready.sh": _asset("ready.sh"),
        "start.sh": _asset("start.sh"),
        "environment": "".join(
            f"{name}={value}\n"
            for name, value in {
                "CLUSTER_ID": cluster.cluster_id,
                "KEYS": f"{KEYS_DIRECTORY}/{cluster.pod(node)}",
                "KEYSTORE": KEYSTORE,
                "METADATA_VERSION": METADATA_VERSION,
                "JVM": f"'{_jvm(cluster.pool_of(node).jvm)}'",
            }.items()
        ),
    }


def server_properties(cluster: Cluster, node: int) -> str:
    """The node's server.properties. The user's options come first: the operator's win."""
    host, pool = cluster.pod_host(node), cluster.pool_of(node)
    voters = (f"{n}@{cluster.pod_host(n)}:{CONTROL_PLANE_PORT}" for n in cluster.controllers)
    control = [(_CONTROL_PLANE, CONTROL_PLANE_PORT, "SSL")]
    clients = [
        (_REPLICATION, REPLICATION_PORT, "SSL"),
        *((_door(entry), entry.port, _protocol(entry)) for entry in cluster.listeners),
        (_PROBE, PROBE_PORT, "PLAINTEXT"),
    ]
    doors = (control if pool.controllers else []) + (clients if pool.brokers else [])
    roles = [role for role, its in (("broker", pool.brokers), ("controller", pool.controllers)) if its]
    inside = {_PROBE: "127.0.0.1"}
    properties = {
        **cluster.config,
        "node.id": str(node),
        "process.roles": ",".join(roles),
        "controller.quorum.voters": ",".join(voters),
        "controller.listener.names": _CONTROL_PLANE,
        "listeners": ",".join(
            f"{name}://{inside.get(name, '0.0.0.0')}:{port}"  # noqa: S104  a pod's own interfaces
            for name, port, _ in doors
        ),
        "advertised.listeners": ",".join(f"{name}://{host}:{port}" for name, port, _ in doors),
        "listener.security.protocol.map": ",".join(f"{name}:{how}" for name, _, how in control + clients),
        "log.dirs": f"{DATA_DIRECTORY}/{pool.storage.volume}/kafka-log{node}",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": KEYSTORE,
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": f"{AUTHORITY_DIRECTORY}/ca.crt",
        # Brokers and the operator show a certificate; clients have passwords.
        f"listener.name.{_CONTROL_PLANE.lower()}.ssl.client.auth": "required",
        f"listener.name.{_REPLICATION.lower()}.ssl.client.auth": "required",
    }
    if pool.brokers:
        properties["inter.broker.listener.name"] = _REPLICATION
    for listener in cluster.listeners:
        if listener.scram and pool.brokers:
            prefix = f"listener.name.{_door(listener).lower()}"
            properties[f"{prefix}.sasl.enabled.mechanisms"] = "SCRAM-SHA-512"
            properties[f"{prefix}.scram-sha-512.sasl.jaas.config"] = _SCRAM_MODULE
    if cluster.simple_authorization:
        authorizer = "org.apache.kafka.metadata.authorizer.StandardAuthorizer"
        own = [principal(cluster.kafka), principal(OPERATOR_NAME)]
        properties["authorizer.class.name"] = authorizer
        properties["super.users"] = ";".join(own + [f"User:{name}" for name in cluster.super_users])
    return "".join(f"{name}={value}\n" for name, value in sorted(properties.items()))


def _door(listener: Listener) -> str:
    return f"{listener.name.upper()}-{listener.port}"


def _protocol(listener: Listener) -> str:
    transport = "SSL" if listener.tls else "PLAINTEXT"
    return f"SASL_{transport}" if listener.scram else transport


def _jvm(jvm: Resource) -> str:
    heap = (f"{option}{jvm.get(option, '256m')}" for option in ("-Xms", "-Xmx"))
    # Small machines: one collector thread and quick compilation beat peak speed.
    options: dict[str, str] = jvm.get("-XX") or {
        "UseSerialGC": "true",
        "TieredStopAtLevel": "1",
    }
    flags = {"true": "+{}", "false": "-{}"}
    more = (f"-XX:{flags.get(v, '{}=' + v).format(name)}" for name, v in options.items())
    return " ".join((*heap, *more))


def _asset(name: str) -> str:
    return files(__package__).joinpath("broker", name).read_text()
