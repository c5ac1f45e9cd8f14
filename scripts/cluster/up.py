"""From nothing, or from anything, to the main job running."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from cluster import host, node, platform, services
from cluster.node import Origin
from cluster.target import Target
from cluster.way import Way, decide
from offline.progress import say

# GiB of free memory with which the cluster, its services and their builds run well.
MEMORY = 5.0
PORTS = {"crm": 3005, "iot": 3008}


def up(bare: Target, word: str | None = None) -> Target:
    """Bring the cluster up; what is up already stays as it is.

    :param bare: the cluster, without the variables of a way.
    :param word: pull, build or auto, instead of the variable IMAGES.
    :returns: the cluster with the variables that its tools need.
    :raises Failure: it cannot be brought up; what is done stays, and the next run goes on from there.
    """
    way: Way = decide(bare, word)
    made = node.note_of(bare).exists()
    if not made:
        # Tools need not be fetched for a machine that cannot have a cluster.
        way.require(MEMORY)
    way.prepare()
    target = replace(bare, env=way.env)
    if made and not (node.exists(target) and node.answers(target)):
        way.require(MEMORY)
    origin = Origin(way.name, way.engine)
    node.ensure(target, way.node_image(), way.cluster_config(), way.fingerprint(), origin)
    way.load_images(target)
    with ThreadPoolExecutor() as pool:
        built = pool.submit(services.build, target)
        platform.install(target, way)
        built.result()
    services.deploy(target)
    return target


def hints(target: Target, body: str) -> None:
    """Say what runs and what to do next."""
    say(f"\n  connection {services.CONNECTION}: {body}\n")
    say("Up. Next, in one shell each:")
    say('  eval "$(scripts/mandates env)"          # kubectl, helm, skaffold, kind of this project')
    for name, port in PORTS.items():
        local = port
        if host.port_taken(port):
            local = port + 10000
            say(f"  # port {port} of this machine is taken: use {local} instead")
        say(f"  kubectl --context {target.context} port-forward service/{name} {local}:{port}")
    say(f'  curl "http://localhost:{PORTS["iot"]}?connectionId={services.CONNECTION}"')
    say("Then docs and the walk: README.md. Develop: make dev. Take it down: make down.")
