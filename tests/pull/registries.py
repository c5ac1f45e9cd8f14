"""Debian's docker-registry, one for each that is asked, filled with what this machine has built."""

import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import yaml

from offline import plan
from offline.archive import FILE
from offline.engine import environment
from offline.image import image, tag
from offline.step import Run, Step
from offline.versions import ROOT, canonical, version
from offline.versions import image as reference

from . import debian
from .charts import STRIMZI, charts
from .upstream import REGISTRIES, authority

# Seconds for a registry to answer.
PATIENCE = 20
# On this machine's loopback, while they are filled.
PORT = 5871

# The built node, with the authority in its bundle.
node = image("pull-node", base=plan.node, needs=[authority], context=ROOT / "tests" / "pull" / "node")


# Reference under which it is asked for -> the step that builds it.
BUILT = {
    reference("node").partition("@")[0]: node,
    reference("python"): plan.python,
    reference("redis"): plan.redis,
    reference("mariadb"): plan.mariadb,
    reference("zipkin"): plan.zipkin,
    reference("kafka"): plan.kafka,
    reference("kafka-tools"): plan.kafka,
    reference("strimzi-double"): plan.strimzi_double,
}
# Of these there is one archive.
DAPR = [f"ghcr.io/dapr/{name}:{plan.DAPR}" for name in ("daprd", "operator", "injector", "sentry")]


def _contents() -> dict[str, str]:
    """The whole reference under which an image is asked for -> the image in Podman's storage."""
    return {canonical(name): tag(step) for name, step in BUILT.items()} | {name: name for name in DAPR}


def _fill(run: Run) -> None:
    run("podman", "load", "--input", plan.dapr_images.out / FILE, env=environment())
    with _serving(run):
        for name, stored in _contents().items():
            host, _, rest = name.partition("/")
            told = ["--digestfile", str(run.out / "node")] if stored == tag(node) else []
            to = f"docker://127.0.0.1:{_port(host)}/{rest}"
            run("podman", "push", "--quiet", "--tls-verify=false", *told, stored, to, env=environment())
        where = version("charts", "strimzi").removeprefix("oci://quay.io/").rpartition("/")[0]
        to = f"oci://127.0.0.1:{_port('quay.io')}/{where}"
        run(plan.tools.out / "helm", "push", "--plain-http", charts.out / STRIMZI, to)


registries = Step(
    "pull-registries",
    _fill,
    settings=[str(_contents()), version("charts", "strimzi")],
    needs=[debian.debian, charts, plan.dapr_images, plan.tools, *BUILT.values()],
)


def node_digest() -> str:
    """Return the digest of the node's image, as an engine that pulls it sees it."""
    return (registries.out / "node").read_text().strip()


def _port(host: str) -> int:
    return PORT + list(REGISTRIES).index(host)


def configure(folder: Path, host: str, address: str, tls: Mapping[str, str] | None = None) -> Path:
    """Write docker-registry's configuration of a registry to a folder; return the file."""
    images = registries.out if tls else folder
    document = {
        "version": 0.1,
        "log": {"level": "warn", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(images / host)}},
        "http": {"addr": address, **({"tls": dict(tls)} if tls else {})},
    }
    file = folder / f"{host}.yaml"
    file.write_text(yaml.safe_dump(document))
    return file


@contextmanager
def _serving(run: Run) -> Iterator[None]:
    started = []
    try:
        for host in REGISTRIES:
            file = configure(run.out, host, f"127.0.0.1:{_port(host)}")
            # It ends with this process, however that ends: the next one would fill its folder instead of its own.
            words = ["setpriv", "--pdeathsig=TERM", str(debian.program("docker-registry")), "serve", str(file)]
            with run.log.open("a") as log:
                started.append(subprocess.Popen(words, stdout=log, stderr=log))
        for host in REGISTRIES:
            _answers(f"http://127.0.0.1:{_port(host)}/v2/")
        yield
    finally:
        for process in started:
            process.terminate()
            process.wait()


def _answers(address: str) -> None:
    until = time.monotonic() + PATIENCE
    while True:
        try:
            with urlopen(address, timeout=PATIENCE):  # noqa: S310  of this machine
                return
        except URLError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)  # between two looks at a condition
