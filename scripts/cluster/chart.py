"""Helm charts of others, fetched once: `make up` of a cluster that runs asks nobody for them."""

import os
import shutil
from pathlib import Path

from cluster.target import Target
from offline.step import CACHE
from offline.versions import version

# Seconds for a release to become ready; a slow registry's images come in that time too.
PATIENCE = 900
CHARTS = CACHE / "charts"


def bring(target: Target, name: str) -> Path:
    """Return the folder of a chart, at the version of versions.toml; it is fetched where it is not there.

    :param name: "dapr" or "strimzi".
    :raises Failure: helm cannot fetch it.
    """
    number, address = version("platform", name), version("charts", name)
    folder = CHARTS / f"{name}-{number}"
    if not folder.exists():
        part = folder.with_name(f"{folder.name}.{os.getpid()}")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        where = [address] if address.startswith("oci://") else [name, "--repo", address]
        target.run("helm", "pull", *where, "--version", number, "--untar", "--untardir", part, log=name)
        # The archive's one folder, whatever its name.
        (inner,) = part.iterdir()
        inner.rename(folder)
        part.rmdir()
    return folder
