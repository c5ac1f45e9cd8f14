"""A cluster of the suite's own, and what its tests share.

`--keep-cluster` (or KEEP=1) leaves the cluster for the next run, which then starts in seconds.
When a test fails, logs, events and descriptions of every pod go to build/e2e/TEST/.
"""

import os
import shutil
from collections.abc import Generator, Iterator
from dataclasses import replace

import pytest
from kubernetes import client
from kubernetes import config as kubeconfig

from cluster import engine, node
from cluster.target import Target
from cluster.up import up
from evidence import collect
from offline.progress import say, step
from offline.step import CACHE
from offline.versions import ROOT

NAME = "mandates-e2e"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--keep-cluster",
        action="store_true",
        default=os.environ.get("KEEP", "") not in ("", "0"),
        help="leave the cluster for the next run",
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # What breaks the cluster on purpose, or leaves something on it, comes last.
    items.sort(key=lambda item: item.get_closest_marker("last") is not None)


@pytest.fixture(scope="session")
def target(request: pytest.FixtureRequest) -> Iterator[Target]:
    """The cluster, up, with CRM and IoT on it; never the developer's."""
    keep = request.config.getoption("--keep-cluster")
    capture = request.config.pluginmanager.getplugin("capturemanager")
    bare = Target(NAME, CACHE / f"{NAME}.kubeconfig")
    service_was_up = engine.service_answers()
    with capture.global_and_fixture_disabled():
        say("")
        ready = up(bare)
    try:
        yield ready
    finally:
        if not keep:
            with capture.global_and_fixture_disabled(), step(f"delete cluster {NAME}"):
                node.delete(replace(bare, env=ready.env))
            if not service_was_up:
                engine.stop_service()


@pytest.fixture(scope="session")
def api(target: Target) -> client.ApiClient:
    """The Kubernetes API of the suite's cluster."""
    return kubeconfig.new_client_from_config(str(target.kubeconfig), context=target.context)


@pytest.fixture(scope="session")
def core(api: client.ApiClient) -> client.CoreV1Api:
    """Pods, services, secrets."""
    return client.CoreV1Api(api)


@pytest.fixture(scope="session")
def custom(api: client.ApiClient) -> client.CustomObjectsApi:
    """Resources of Strimzi and Dapr."""
    return client.CustomObjectsApi(api)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    fixtures: dict[str, object] = getattr(item, "funcargs", {})
    if report.when != "teardown" and report.failed and isinstance(target := fixtures.get("target"), Target):
        folder = ROOT / "build" / "e2e" / item.name
        shutil.rmtree(folder, ignore_errors=True)
        collect(target, folder)
        report.sections.append(("evidence", f"logs and events of every pod: {folder}"))
    return report
