"""A cluster's life on the way with image registries, as its user types it: each step is asserted."""

import time

from offline.progress import say
from parts.process import until

from .machine import Machine

ANSWER = '{"connectionId":"7733","connectionMandate":"1"}'
WITH_TOOLS = 'eval "$(scripts/mandates env)"; '
EDITED = "services/crm/src/crm/importer/importer.py"
LOGGED = "customers imported"
MARK = "edited by the tests"
NODE = WITH_TOOLS + "kubectl get nodes --output=jsonpath={.items[*].metadata.uid}"


def without_a_registry(machine: Machine) -> None:
    """Nothing is made, and what the engine said is told at once."""
    machine.namespace.stop_registries()
    began = time.monotonic()
    said = machine.run("make up", code=2)
    assert time.monotonic() - began < 60
    assert f"{machine.engine} cannot pull docker.io/library/redis:8.0.2: " in said
    assert "refused" in said
    assert "Traceback" not in said
    assert machine.containers() == []
    machine.namespace.start_registries()


def up(machine: Machine) -> None:
    """From nothing to the answer."""
    began = time.monotonic()
    assert ANSWER in machine.run("IMAGES=pull make up")
    say(f"=> from nothing to the answer with {machine.engine}: {time.monotonic() - began:.0f} s")


def verbs(machine: Machine) -> None:
    """The operator's verbs, and a shell with the project's tools."""
    pods = machine.run(WITH_TOOLS + "kubectl get pods --all-namespaces --output=name")
    assert all(f"pod/{name}-" in pods for name in ("crm", "iot", "redis", "dapr-operator", "mandates-dual-role"))
    assert "7733" in machine.run("scripts/topic")
    for line in ("make audit", "make announce", "make rebuild STORE=statestore", "make audit"):
        machine.run(line)


def dev(machine: Machine) -> None:
    """An edit runs on the cluster."""
    source = machine.project / EDITED
    code = source.read_text()
    assert LOGGED in code
    watching = 0.0
    with machine.started("exec make dev") as process:
        try:
            assert process.stdout
            for line in process.stdout:
                say(f"  {line.rstrip()}")
                if "Watching for changes" in line:
                    if watching:
                        break
                    source.write_text(code.replace(LOGGED, MARK))
                    watching = time.monotonic()
            say(f"=> from an edit to the cluster: {time.monotonic() - watching:.0f} s")
            # For a while the pod of before, which stops, is there too, or the new one waits for the network.
            logs = WITH_TOOLS + "kubectl logs deployment/crm --container=crm || true"
            until(lambda: MARK in machine.run(logs), "the edited CRM runs", seconds=60, every=1)
        finally:
            machine.interrupt(process)
            source.write_text(code)


def without_its_registry(machine: Machine) -> None:
    """A cluster that runs asks nobody outside: it stays as it is."""
    node = machine.run(NODE)
    machine.namespace.stop_registries()
    began = time.monotonic()
    assert ANSWER in machine.run("make up")
    assert time.monotonic() - began < 60
    assert machine.run(NODE) == node
    machine.namespace.start_registries()


def down(machine: Machine) -> None:
    """The cluster is gone; what was pulled stays."""
    machine.run("make down")
    assert machine.containers() == []
    assert machine.images() != []


def clean(machine: Machine) -> None:
    """Nothing is left, whether a cluster ran or not."""
    machine.run("make clean")
    assert machine.containers() == []
    assert machine.images() == []
    assert not (machine.home / ".cache" / "mandates").exists()
