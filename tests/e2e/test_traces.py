"""What Zipkin shows of a change, with the services deployed by Skaffold's profile `traced`."""

import secrets
import time
from collections.abc import Iterator
from typing import Any

import pytest

from cluster.target import Target
from curl import Service, service
from offline.versions import ROOT
from polling import poll_until

OBSERVABILITY = ROOT / "k8s" / "observability"
CORINNE = {"firstName": "Corinne", "lastName": "Lopez", "city": "Enschede", "connectionId": "7733"}
HOUR = 3600 * 1000


@pytest.fixture(scope="module")
def zipkin(target: Target) -> Iterator[Service]:
    """Zipkin, and every span of both services goes there."""
    skaffold = ("skaffold", "run", "--filename", ROOT / "skaffold.yaml", "--kube-context", target.context)
    target.run(*skaffold, "--profile=traced", log="traces")
    target.kubectl("rollout", "status", "deployment/zipkin", "--timeout=120s")
    # An old pod that is ending has its partitions still, and tells Zipkin nothing.
    target.kubectl("wait", "--for=jsonpath={.status.terminatingReplicas}=0", "deployment/iot", "--timeout=60s")
    try:
        with service(target, "zipkin") as ready:
            yield ready
    finally:
        target.run(*skaffold, log="traces")
        target.kubectl("delete", "-k", OBSERVABILITY)


@pytest.fixture(scope="module")
def trace(target: Target, zipkin: Service) -> list[dict[str, Any]]:
    """The spans of one change."""
    trace_id = secrets.token_hex(16)
    with service(target, "crm") as crm, service(target, "iot") as iot:
        parent = ["-H", f"traceparent: 00-{trace_id}-{secrets.token_hex(8)}-01"]
        assert crm.post("/customers/7", {**CORINNE, "connectionMandate": "2"}, *parent).status == 200
        poll_until(
            lambda: iot.curl("?connectionId=7733").json["connectionMandate"] == "2", "IoT says 2 for 7733", seconds=30
        )
        assert crm.post("/customers/7", {**CORINNE, "connectionMandate": "1"}).status == 200

    def spans() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = zipkin.curl(f"/api/v2/trace/{trace_id}").json
        assert {"crm", "iot"} <= {span["localEndpoint"]["serviceName"] for span in found}, found
        assert any(_stores(span) for span in found), found
        return found

    return poll_until(spans, "Zipkin has the whole trace", seconds=30)


def _stores(span: dict[str, Any]) -> bool:
    return bool(span.get("remoteEndpoint", {}).get("serviceName") == "statestore")


def test_one_trace_goes_from_the_post_over_relay_and_topic_to_the_state_store(trace: list[dict[str, Any]]) -> None:
    by_id = {span["id"]: span for span in trace}
    (stored, *_) = [span for span in trace if _stores(span)]
    way = [stored]
    while way[-1].get("parentId") in by_id:
        way.append(by_id[way[-1]["parentId"]])
    services = [span["localEndpoint"]["serviceName"] for span in way]
    assert services[0] == "iot", way
    assert "crm" in services, way


def test_the_view_of_dependencies_has_the_edges(zipkin: Service, trace: list[dict[str, Any]]) -> None:
    assert trace
    until = int(time.time() * 1000)

    def edges() -> set[tuple[str, str]]:
        found = zipkin.curl(f"/api/v2/dependencies?endTs={until}&lookback={HOUR}").json
        return {(edge["parent"], edge["child"]) for edge in found}

    assert edges() >= {("crm", "iot"), ("iot", "statestore")}


def test_iot_s_looks_at_its_sidecar_leave_no_trace(zipkin: Service, trace: list[dict[str, Any]]) -> None:
    assert trace
    names = zipkin.curl("/api/v2/spans?serviceName=iot").json
    assert names
    assert not [name for name in names if "metadata" in name]
