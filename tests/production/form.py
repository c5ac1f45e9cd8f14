"""The production form on one machine: four nodes, and everything on them smaller."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import zones
from cluster import node, platform, services
from cluster.node import Origin
from cluster.target import Target
from cluster.way import Way, decide
from offline.progress import step

NAME = "mandates-production"
HERE = Path(__file__).parent
# GiB: four nodes, six of Kafka, nine of Dapr.
MEMORY = 9.0
FORM = platform.Form(
    HERE / "strimzi",
    HERE / "redis",
    (*platform.SMALL.dapr, platform.K8S / "production" / "dapr-values.yaml"),
)


class Running(NamedTuple):
    """The cluster, and the way by which its nodes run."""

    target: Target
    way: Way


def up(bare: Target) -> Running:
    """Bring it up as an operator does, but for the sizes."""
    way = decide(bare)
    way.prepare()
    target = replace(bare, env=way.env)
    if not (node.exists(target) and node.answers(target)):
        way.require(MEMORY)
    origin = Origin(way.name, way.engine)
    node.ensure(target, way.node_image(), zones.config(way), way.fingerprint(), origin)
    zones.connect(target, way)
    way.load_images(target)
    with ThreadPoolExecutor() as pool:
        built = pool.submit(services.build, target)
        platform.install(target, way, FORM)
        with step("CRM's database"):
            target.kubectl("apply", "-k", HERE / "crm-mariadb")
            target.kubectl("rollout", "status", "statefulset/crm-mariadb", "--timeout=300s")
        built.result()
    services.deploy(target, "production")
    return Running(target, way)
