"""The Dapr sidecar as a process, with the project's own Components and Configurations."""

from pathlib import Path

import httpx
import yaml

from parts.found import daprd
from parts.process import Process, free_port

COMPONENTS = Path(__file__).parents[1] / "k8s" / "dapr"
APP_API_TOKEN = "of-the-sidecar"  # noqa: S105  no secret
"""With which a sidecar proves to its service that it is its own."""

_OF_A_CLUSTER = {
    *("disableTls", "caCert", "authType", "saslMechanism", "saslUsername", "saslPassword"),
    # Here each topic is a test's own.
    *("allowedTopics", "publishingScopes", "subscriptionScopes"),
}


def component(name: str, **changed: str) -> str:
    """The YAML of a pubsub Component of k8s/dapr for a broker without TLS and users, and for any topic.

    `changed` are other values.
    """
    found = yaml.safe_load((COMPONENTS / f"{name}.yaml").read_text())
    metadata = {each["name"]: each for each in found["spec"]["metadata"] if each["name"] not in _OF_A_CLUSTER}
    metadata |= {key: {"name": key, "value": value} for key, value in {"authType": "none", **changed}.items()}
    found["spec"]["metadata"] = list(metadata.values())
    return yaml.safe_dump(found)


def configuration(name: str) -> str:
    """The YAML of a Configuration of k8s/dapr."""
    found = yaml.safe_load_all((COMPONENTS / "configuration.yaml").read_text())
    return yaml.safe_dump(next(one for one in found if one["metadata"]["name"] == name))


class Daprd(Process):
    """A sidecar of its own folder and ports, which stay the same when it is started again."""

    def __init__(self, folder: Path, app_id: str, app_port: int, broker: str) -> None:
        """`broker` is the address in the Component APP_ID-pubsub."""
        self.folder = folder
        resources = folder / "resources"
        resources.mkdir(parents=True, exist_ok=True)
        (resources / "pubsub.yaml").write_text(component(f"{app_id}-pubsub", brokers=broker))
        (folder / "configuration.yaml").write_text(configuration(app_id))
        self.http_port, self.grpc_port = free_port(), free_port()
        words = [daprd(), "-app-id", app_id, "-app-port", app_port, "-resources-path", resources]
        words += ["-config", folder / "configuration.yaml", "-log-level", "warn"]
        for name, port in {
            "dapr-http-port": self.http_port,
            "dapr-grpc-port": self.grpc_port,
            "dapr-internal-grpc-port": free_port(),
            "metrics-port": free_port(),
        }.items():
            words += [f"-{name}", port]
        super().__init__(words, folder / "daprd.log", env={"APP_API_TOKEN": APP_API_TOKEN})

    def ready(self) -> bool:
        """Whether it answers, its service need not."""
        try:
            return httpx.get(f"http://127.0.0.1:{self.http_port}/v1.0/healthz/outbound").is_success
        except httpx.TransportError:
            return False
