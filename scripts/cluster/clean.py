"""Remove all that this project keeps on a machine."""

import os
import shutil
import subprocess

from cluster import engine, node
from cluster.command import output
from cluster.target import Target
from offline import engine as podman
from offline.progress import say, step
from offline.step import CACHE


def clean(target: Target) -> None:
    """Delete the cluster, the images that were built, and the cache folder.

    :raises Failure: the cluster cannot be deleted.
    """
    if target.env and node.exists(target):
        with step(f"delete cluster {target.name}"):
            node.delete(target)
    engine.stop_service()
    with step("remove images"):
        env = podman.environment()
        listed = output(["podman", "images", "--format", "{{.Repository}}:{{.Tag}}"], env=env) or ""
        ours = [name for name in listed.split() if name.startswith(OURS)]
        if ours:
            subprocess.run(
                ["podman", "rmi", "--force", *ours],
                env={**os.environ, **env},
                stdout=subprocess.DEVNULL,
                check=False,
            )
    with step(f"remove {CACHE}"):
        shutil.rmtree(CACHE, ignore_errors=True)
    say("Clean. Next: make up builds everything anew (about 20 minutes).")


# Names under which only this project keeps images.
OURS = ("localhost/mandates-build/", "docker.io/mandates/")
