"""What a sidecar does and refuses under the Configurations of k8s/dapr, seen with the sidecar itself.

It has components in memory: what is looked at here comes before them. Skipped where there is no daprd.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import grpc
import httpx
import pytest
import yaml
from dapr.proto import api_service_v1, api_v1, common_v1

from parts import found
from parts.daprd import Daprd


class App:
    """A service that notes what is asked of it."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        asked = self.asked

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked.append(self.path)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def do_GET(self) -> None:
                self.send_response(404)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = int(self.server.server_address[1])


class Sidecar(Daprd):
    """One with a store and a broker of its own."""

    def __init__(self, folder: Path, app_id: str, app_port: int) -> None:
        super().__init__(folder, app_id, app_port, broker="")
        resources = folder / "resources"
        for file, name, kind in (
            ("pubsub", f"{app_id}-pubsub", "pubsub.in-memory"),
            ("state", "statestore", "state.in-memory"),
        ):
            spec = {"type": kind, "version": "v1", "metadata": []}
            component = {
                "apiVersion": "dapr.io/v1alpha1",
                "kind": "Component",
                "metadata": {"name": name},
                "spec": spec,
            }
            (resources / f"{file}.yaml").write_text(yaml.safe_dump(component))

    def post(self, path: str, body: object = None) -> int:
        url = f"http://127.0.0.1:{self.http_port}/v1.0/{path}"
        return httpx.post(url, json=body, timeout=10, trust_env=False).status_code

    def get(self, path: str) -> int:
        return httpx.get(f"http://127.0.0.1:{self.http_port}/v1.0/{path}", timeout=10, trust_env=False).status_code

    @property
    def internal_port(self) -> str:
        """Where other sidecars hand on to it what they are asked."""
        return self.words[self.words.index("-dapr-internal-grpc-port") + 1]


Started = tuple[App, Sidecar]


@contextmanager
def started(folder: Path, app_id: str, change: Callable[[dict[str, Any]], None] = lambda _: None) -> Iterator[Started]:
    """A service and its sidecar, under its Configuration or a changed one."""
    if not found.daprd():
        pytest.skip("needs daprd, on the PATH or in DAPRD")
    app = App()
    Thread(target=app.server.serve_forever, daemon=True).start()
    sidecar = Sidecar(folder, app_id, app.port)
    file = folder / "configuration.yaml"
    configuration = yaml.safe_load(file.read_text())
    change(configuration["spec"])
    file.write_text(yaml.safe_dump(configuration))
    with app.server, sidecar:
        yield app, sidecar
        app.server.shutdown()


def invoked(sidecar: Sidecar, method: str) -> grpc.StatusCode:
    """What comes of it when another service's sidecar hands on an invocation, as `v1.0/invoke` makes it do."""
    request = common_v1.InvokeRequest(
        method=method, http_extension=common_v1.HTTPExtension(verb=common_v1.HTTPExtension.POST)
    )
    message = request.SerializeToString()
    # dapr.proto.internals.v1.InternalInvokeRequest, which the SDK does not have: 1 is the version, 3 the message.
    wrapped = b"\x08\x01\x1a" + bytes([len(message)]) + message
    with grpc.insecure_channel(f"127.0.0.1:{sidecar.internal_port}") as channel:
        call = channel.unary_unary("/dapr.proto.internals.v1.ServiceInvocation/CallLocal")
        try:
            call(wrapped, timeout=10)
        except grpc.RpcError as error:
            code: grpc.StatusCode = error.code()
            return code
    return grpc.StatusCode.OK


def asked(sidecar: Sidecar, method: str, request: object) -> grpc.StatusCode:
    """What the sidecar answers to its own service's call."""
    with grpc.insecure_channel(f"127.0.0.1:{sidecar.grpc_port}") as channel:
        try:
            getattr(api_service_v1.DaprStub(channel), method)(request, timeout=10)  # type: ignore[no-untyped-call]
        except grpc.RpcError as error:
            code: grpc.StatusCode = error.code()
            return code
    return grpc.StatusCode.OK


@pytest.mark.parametrize("name", ["crm", "iot"])
def test_no_other_service_reaches_the_app_through_its_sidecar(name: str, tmp_path: Path) -> None:
    with started(tmp_path, name) as (app, sidecar):
        assert invoked(sidecar, "mandates") == grpc.StatusCode.PERMISSION_DENIED
        assert sidecar.post(f"invoke/{name}/method/mandates") == 404
        assert app.asked == []


def test_without_that_rule_it_would_be_reached(tmp_path: Path) -> None:
    with started(tmp_path, "iot", lambda spec: spec.pop("accessControl")) as (app, sidecar):
        assert invoked(sidecar, "mandates") == grpc.StatusCode.OK
        assert app.asked == ["/mandates"]


REFUSED = {
    "InvokeService": api_v1.InvokeServiceRequest(id="iot", message=common_v1.InvokeRequest(method="mandates")),
    "GetSecret": api_v1.GetSecretRequest(store_name="kubernetes", key="crm"),
    "InvokeBinding": api_v1.InvokeBindingRequest(name="any"),
    "Shutdown": api_v1.ShutdownRequest(),
}
STATE = {
    "GetState": api_v1.GetStateRequest(store_name="statestore", key="7733"),
    "GetBulkState": api_v1.GetBulkStateRequest(store_name="statestore", keys=["7733"]),
    "SaveState": api_v1.SaveStateRequest(store_name="statestore", states=[common_v1.StateItem(key="7733", value=b"2")]),
}


def publish(name: str) -> object:
    return api_v1.PublishEventRequest(pubsub_name=f"{name}-pubsub", topic="t", data=b"{}")


def test_crm_may_publish_and_nothing_else(tmp_path: Path) -> None:
    with started(tmp_path, "crm") as (_, sidecar):
        entry = {"entryId": "1", "event": "x", "contentType": "text/plain"}
        assert sidecar.post("publish/bulk/crm-pubsub/t", [entry]) == 204
        assert sidecar.post("publish/crm-pubsub/t", {}) == 204
        assert asked(sidecar, "PublishEvent", publish("crm")) == grpc.StatusCode.OK
        assert [sidecar.get(path) for path in ("healthz", "healthz/outbound")] == [204, 204]
        assert [sidecar.get(path) for path in ("state/statestore/7733", "metadata", "secrets/any/crm")] == [404] * 3
        assert [sidecar.post(path, []) for path in ("state/statestore", "shutdown")] == [404] * 2
        for method, request in {**REFUSED, **STATE, "GetMetadata": api_v1.GetMetadataRequest()}.items():
            assert asked(sidecar, method, request) == grpc.StatusCode.UNIMPLEMENTED, method
        assert sidecar.ready()


def test_iot_may_use_its_state_publish_and_see_what_there_is_and_nothing_else(tmp_path: Path) -> None:
    with started(tmp_path, "iot") as (_, sidecar):
        allowed = {**STATE, "PublishEvent": publish("iot"), "GetMetadata": api_v1.GetMetadataRequest()}
        for method, request in allowed.items():
            assert asked(sidecar, method, request) == grpc.StatusCode.OK, method
        for method, request in REFUSED.items():
            assert asked(sidecar, method, request) == grpc.StatusCode.UNIMPLEMENTED, method
        assert [sidecar.get(path) for path in ("healthz", "healthz/outbound")] == [204, 204]
        assert [sidecar.get(path) for path in ("state/statestore/7733", "secrets/any/iot")] == [404] * 2
        refused = ("state/statestore", "publish/iot-pubsub/t", "publish/bulk/iot-pubsub/t", "shutdown")
        assert [sidecar.post(path, []) for path in refused] == [404] * 4
        assert sidecar.ready()
