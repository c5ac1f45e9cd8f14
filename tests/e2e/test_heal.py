"""A cluster whose processes were killed is brought up again by the same command."""

import shutil
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from cluster import node, services
from cluster.target import Target
from cluster.up import up
from polling import poll_until


@pytest.mark.last
def test_a_dead_cluster_is_healed(target: Target) -> None:
    container = f"{target.name}-control-plane"
    engine = "podman" if "KIND_EXPERIMENTAL_PROVIDER" in target.env else "docker"
    pid = target.output(engine, "inspect", "--format={{.State.Pid}}", container)
    assert pid
    subprocess.run(["kill", "-KILL", pid.strip()], check=True)
    # The kernel still ends the hundreds of processes that go with the one that was killed.
    poll_until(lambda: not node.answers(target), "the cluster is dead", seconds=60)

    started = time.monotonic()
    healed = up(replace(target, env={}))
    assert time.monotonic() - started < 180
    assert services.answer(healed) == '{"connectionId":"7733","connectionMandate":"1"}'


@pytest.mark.last
def test_a_healthy_cluster_stays_and_up_takes_seconds(target: Target, tmp_path: Path) -> None:
    # In which another namespace is current, as a user may have it.
    kubeconfig = tmp_path / "kubeconfig"
    shutil.copy2(target.kubeconfig, kubeconfig)
    user_s = replace(target, kubeconfig=kubeconfig)
    user_s.run("kubectl", "config", "set-context", target.context, "--namespace=kube-public", log="heal")
    before = target.get("nodes")
    started = time.monotonic()
    up(replace(user_s, env={}))
    assert time.monotonic() - started < 20
    after = target.get("nodes")
    assert before
    assert after
    assert before["items"][0]["metadata"]["uid"] == after["items"][0]["metadata"]["uid"]
