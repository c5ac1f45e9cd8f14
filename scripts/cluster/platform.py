"""What the services stand on: Dapr's control plane, Kafka with its topic and users, Redis."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from cluster.chart import PATIENCE
from cluster.failure import Failure
from cluster.secret import fresh
from cluster.target import Target
from cluster.way import Way
from offline.progress import say, step
from offline.versions import ROOT, version

K8S = ROOT / "k8s"
STRIMZI = ("kafkatopic", "kafkauser", "kafkanodepool", "kafka")
# Seconds for an operator to take its leave of what is being deleted.
LEAVE = 60
# Seconds after which it is told what is waited for.
LOOK = 180


class Form(NamedTuple):
    """The folders of manifests that are applied, and the files of values for Dapr's chart."""

    strimzi: Path
    redis: Path
    dapr: tuple[Path, ...]


SMALL = Form(K8S / "strimzi", K8S / "stores" / "redis", (K8S / "dapr" / "control-plane-values.yaml",))


def install(target: Target, way: Way, form: Form = SMALL) -> None:
    """Apply all of it, side by side, and wait until it is ready. Applying it again changes nothing.

    :param form: what a laptop has, unless another one is asked for.
    :raises Failure: something is refused or not ready in time.
    """
    _release(target)
    _namespace(target)
    _secrets(target)
    with ThreadPoolExecutor() as pool:
        tasks = [
            pool.submit(_dapr, target, way, form.dapr),
            pool.submit(_kafka, target, way, form.strimzi),
            pool.submit(_redis, target, form.redis),
        ]
        for task in tasks:
            task.result()


def _release(target: Target) -> None:
    """Take away what a killed helm left half done: helm would refuse every later change of it.

    A first installation goes. Of a change only the note in helm's books does: what runs goes on, and is changed next.
    """
    words = ("--kube-context", target.context)
    listed = target.output("helm", "list", *words, "--all-namespaces", "--pending", "--output", "json", timeout=30)
    for one in json.loads(listed or "[]"):
        name, status, where = one["name"], one["status"], ("--namespace", one["namespace"])
        if status == "pending-install":
            with step(f"remove {name}, half installed"):
                target.run("helm", "uninstall", name, *words, *where, "--wait", log="helm")
        else:
            with step(f"forget a change of {name}, half done"):
                books = f"owner=helm,name={name},status={status}"
                target.kubectl("delete", "secret", *where, "--selector", books, log="helm")


def _namespace(target: Target) -> None:
    """Make the namespace of all of it, with the policies that hold for its pods before there is one."""
    with step(f"namespace {target.namespace}"):
        target.kubectl("apply", "-f", K8S / "namespace.yaml")
        target.kubectl("apply", "-k", K8S / "network", log="network")


def _secrets(target: Target) -> None:
    """Make each Secret that nobody else makes, once: no file has it, and what is there stays, whoever made it.

    :raises Failure: the cluster refuses one.
    """
    # Created and not applied: where this cannot be told, none is written over.
    there = {one["metadata"]["name"] for one in (target.get("secrets") or {"items": []})["items"]}
    missing = [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "labels": {"app.kubernetes.io/part-of": "mandates"}},
            "stringData": content,
        }
        for name, content in fresh().items()
        if name not in there
    ]
    if missing:
        with step("make secrets"):
            items = json.dumps({"apiVersion": "v1", "kind": "List", "items": missing})
            target.kubectl("create", "-f", "-", stdin=items)


def _gone(target: Target) -> None:
    """Wait until what is being deleted of Kafka's resources is gone: applied meanwhile, it would go all the same.

    A topic has a finalizer, which nobody takes away once the operator is gone.

    :raises Failure: something stays.
    """
    leaving = _leaving(target)
    if not leaving:
        return
    with step(f"wait until {' and '.join(leaving)} is gone"):
        away = ("wait", "--for=delete", f"--timeout={LEAVE}s")
        try:
            target.kubectl(*away, *leaving, log="kafka")
        except Failure:
            for one in _leaving(target):
                if one.startswith("kafkatopic/"):
                    say(f"  ! no operator has let {one} go in {LEAVE} s: its finalizer is taken away")
                    nothing = json.dumps({"metadata": {"finalizers": None}})
                    # It may have gone at this moment after all; if not, the wait below says so.
                    with suppress(Failure):
                        target.kubectl("patch", one, "--type=merge", "--patch", nothing, log="kafka")
            target.kubectl(*away, *leaving, log="kafka")


def _leaving(target: Target) -> list[str]:
    found = target.get(",".join(STRIMZI)) or {"items": []}
    return [
        f"{one['kind'].lower()}/{one['metadata']['name']}"
        for one in found["items"]
        if "deletionTimestamp" in one["metadata"]
    ]


def _dapr(target: Target, way: Way, values: tuple[Path, ...]) -> None:
    with step("Dapr control plane"):
        target.run(
            *("helm", "upgrade", "--install", "dapr", way.dapr_chart(target), "--kube-context", target.context),
            *("--namespace", "dapr-system", "--create-namespace"),
            *(f"--values={file}" for file in values),
            *("--set", f"global.tag={version('platform', 'dapr')}", "--wait", f"--timeout={PATIENCE}s"),
            log="dapr",
        )


def _kafka(target: Target, way: Way, manifests: Path) -> None:
    with step("Kafka, topic and users"):
        way.install_strimzi(target)
        _gone(target)
        target.kubectl("apply", "-k", manifests, log="kafka")
        for kind in ("kafka", "kafkatopic", "kafkauser"):
            _ready(target, kind)
        # Only now are there the Secrets that it mounts.
        target.kubectl("apply", "-k", K8S / "kafka-tools", log="kafka")
        target.kubectl("rollout", "status", "deployment/kafka-tools", f"--timeout={PATIENCE}s", log="kafka")


def _ready(target: Target, kind: str) -> None:
    """Wait until all of a kind are ready, for as long as a slow registry takes to deliver what they run.

    :raises Failure: one is not; what it waits for is told, and while it is waited for now and then.
    """
    for waited in range(LOOK, PATIENCE + 1, LOOK):
        try:
            target.kubectl("wait", "--for=condition=Ready", "--all", f"--timeout={LOOK}s", kind, log="kafka")
            return
        except Failure as failure:
            waiting = [*_unready(target, kind), *_pods_unready(target)]
            if not waiting or "timed out" not in str(failure):
                raise
            if waited + LOOK > PATIENCE:
                look = f"Look at kubectl --context {target.context} describe {kind}"
                remedy = f"{look}, and run make up again to go on waiting"
                raise Failure("\n    ".join([f"Kafka is not ready after {waited} s:", *waiting]), remedy) from failure
            say("\n".join(f"  … waits for {one}" for one in waiting))


def _unready(target: Target, kind: str) -> Iterator[str]:
    for one in (target.get(kind) or {"items": []})["items"]:
        conditions = one.get("status", {}).get("conditions", [])
        if any(of["type"] == "Ready" and of["status"] == "True" for of in conditions):
            continue
        why = [of["message"] for of in conditions if of.get("message")]
        yield f"{kind}/{one['metadata']['name']}: {'; '.join(why) or 'its operator has said nothing of it'}"


def _pods_unready(target: Target) -> Iterator[str]:
    """Name the pods of Kafka and its operators that are not ready, and what their containers wait for."""
    found = [target.get("pods", "--selector=strimzi.io/cluster"), target.get("pods", "--namespace", "strimzi")]
    for pod in [one for listed in found for one in (listed or {"items": []})["items"]]:
        status = pod.get("status", {})
        if any(of["type"] == "Ready" and of["status"] == "True" for of in status.get("conditions", [])):
            continue
        states = [one.get("state", {}).get("waiting", {}) for one in status.get("containerStatuses", [])]
        why = [" ".join(filter(None, (of.get("reason"), of.get("message")))) for of in states if of]
        why += [of["message"] for of in status.get("conditions", []) if of.get("reason") == "Unschedulable"]
        yield f"pod {pod['metadata']['name']}: {'; '.join(why) or status.get('phase', 'unknown')}"


def _redis(target: Target, manifests: Path) -> None:
    with step("Redis"):
        target.kubectl("apply", "-k", manifests, log="redis")
        target.kubectl("rollout", "status", "statefulset/redis", f"--timeout={PATIENCE}s", log="redis")
