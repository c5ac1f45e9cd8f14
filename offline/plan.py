"""What is built from what: every tool and image of the cluster."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import yaml

from offline import archive, gomodule, step
from offline.engine import environment
from offline.gomodule import copy_from, program
from offline.image import debian, image, tag
from offline.java import jars
from offline.lock import alone
from offline.scheduler import build
from offline.step import Run, Step
from offline.versions import ROOT, canonical, version
from offline.versions import image as reference

KUBERNETES = version("platform", "kubernetes")
DAPR = version("platform", "dapr")
STRIMZI = version("platform", "strimzi")
# Images that exist only in built nodes, by the names that images/node/default-*.yaml have.
NODE_S_OWN = {name: canonical(f"mandates/{name}:built") for name in ("local-path-provisioner", "kube-router")}


def _kubernetes_symbols() -> dict[str, str]:
    major, minor, _ = KUBERNETES.split(".")
    values = {"gitVersion": f"v{KUBERNETES}", "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    return {
        f"{package}.{name}": value
        for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
        for name, value in values.items()
    }


kubernetes = program(
    "kubernetes",
    [
        f"k8s.io/kubernetes/cmd/{name}"
        for name in (
            *("kubeadm", "kubelet", "kubectl", "kube-proxy"),
            *("kube-apiserver", "kube-controller-manager", "kube-scheduler"),
        )
    ],
    symbols=_kubernetes_symbols(),
)
dapr = program(
    "dapr",
    [f"github.com/dapr/dapr/cmd/{name}" for name in ("daprd", "operator", "injector", "sentry")],
    symbols={"github.com/dapr/dapr/pkg/buildinfo.version": DAPR},
    tags="stablecomponents",
    also=copy_from("github.com/dapr/dapr", DAPR, "charts/dapr", "chart"),
)
kind = program(
    "kind",
    ["sigs.k8s.io/kind"],
    also=copy_from("sigs.k8s.io/kind", version("tools", "kind"), "images/base/files", "files"),
)
_major, _minor, _ = version("platform", "kubernetes").split(".")
helm = program(
    "helm",
    ["helm.sh/helm/v3/cmd/helm"],
    symbols={
        "helm.sh/helm/v3/internal/version.version": f"v{version('tools', 'helm')}",
        # For which `helm template` takes itself to be: without them 1.20, which charts refuse.
        "helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor": _major,
        "helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor": _minor,
    },
)
skaffold = program(
    "skaffold",
    ["github.com/GoogleContainerTools/skaffold/v2/cmd/skaffold"],
    symbols={
        "github.com/GoogleContainerTools/skaffold/v2/pkg/skaffold/version.version": (f"v{version('tools', 'skaffold')}")
    },
)
actionlint = program("actionlint", ["github.com/rhysd/actionlint/cmd/actionlint"])
etcd = program("etcd", ["go.etcd.io/etcd/server/v3"], rename={"server": "etcd"})
coredns = program("coredns", ["."])
pause = program("pause", ["."])
local_path = program("local-path-provisioner", ["github.com/rancher/local-path-provisioner"])
kube_router = program("kube-router", ["github.com/cloudnativelabs/kube-router/v2/cmd/kube-router"])

bookworm = debian("node")
trixie = debian("base")


def _control_plane_references(outputs: Mapping[str, Path]) -> dict[str, str]:
    listed = archive.kubeadm_images(outputs["go-kubernetes"] / "kubeadm", KUBERNETES)
    return {**listed, **NODE_S_OWN}


control_plane = archive.targets(
    "control-plane",
    references=_control_plane_references,
    needs=[kubernetes, etcd, coredns, pause, local_path, kube_router],
    base=bookworm,
)
node = image("node", base=bookworm, needs=[kind, kubernetes, control_plane], arguments={"KUBERNETES": KUBERNETES})


def _dapr_references(outputs: Mapping[str, Path]) -> dict[str, str]:
    values = yaml.safe_load((outputs["go-dapr"] / "chart" / "values.yaml").read_text())
    registry = values["global"]["registry"]
    return {name: f"{registry}/{name}:{DAPR}" for name in ("daprd", "operator", "injector", "sentry")}


dapr_images = archive.targets("dapr", references=_dapr_references, needs=[dapr])

java = image("java", base=trixie)
kafka = image("kafka", base=java, needs=[jars("kafka")], reference=reference("kafka"))
zipkin = image("zipkin", base=java, needs=[jars("zipkin")])
redis = image("redis", base=trixie)
mariadb = image("mariadb", base=trixie)
python = image("python", base=trixie, reference=reference("python"))
strimzi_double = image(
    "strimzi-double",
    needs=[python],
    context=ROOT / "offline" / "strimzi",
    sources=["Containerfile", "requirements.lock", "strimzi_double"],
    arguments={"PYTHON_IMAGE": reference("python")},
)
platform = archive.bundle(
    "platform",
    {
        reference("kafka"): kafka,
        # As the manifests name it: on a built cluster the stand-in's brokers and the tools run the same one.
        reference("kafka-tools"): kafka,
        reference("redis"): redis,
        reference("mariadb"): mariadb,
        reference("zipkin"): zipkin,
        reference("strimzi-double"): strimzi_double,
    },
)


def _generate_crds(run: Run) -> None:
    model = "io.strimzi.api.kafka.model"
    kinds = {"Kafka": "kafka", "KafkaNodePool": "nodepool", "KafkaTopic": "topic", "KafkaUser": "user"}
    run(
        *("podman", "run", "--rm", "--network=none", "--user=0"),
        *("--volume", f"{run.inputs['java-strimzi-crds']}:/jars:ro", "--volume", f"{run.out}:/out"),
        *(tag(java), "java", "-Xmx512m", "-cp", "/jars/*", "io.strimzi.crdgenerator.CrdGenerator"),
        *("--label", "app:strimzi", "--label", "strimzi.io/crd-install:true", "--target-kube", "1.16+"),
        *("--crd-api-version", "v1", "--api-versions", "v1", "--storage-version", "v1", "--yaml"),
        *(f"{model}.{package}.{kind}=/out/{kind.lower()}.yaml" for kind, package in kinds.items()),
        env=environment(),
    )


crds = Step(
    "strimzi-crds",
    _generate_crds,
    settings=[STRIMZI],
    needs=[java, jars("strimzi-crds")],
)


def _collect_tools(run: Run) -> None:
    for family, names in (
        ("go-kind", ["kind"]),
        ("go-helm", ["helm"]),
        ("go-skaffold", ["skaffold"]),
        ("go-kubernetes", ["kubectl"]),
        ("go-actionlint", ["actionlint"]),
    ):
        for name in names:
            shutil.copy2(run.inputs[family] / name, run.out / name)


tools = Step("tools", _collect_tools, needs=[kind, helm, skaffold, kubernetes, actionlint])

# The steps whose outputs a cluster and its users need; the rest is on the way to them.
TARGETS = [tools, node, dapr, dapr_images, platform, python, crds]


def build_all() -> None:
    """Build what is missing of all that a cluster and its users need.

    :raises BuildError: as `scheduler.build`.
    """
    build(TARGETS, workers=2)
    with alone(step.CACHE / "lock"):
        gomodule.forget_sources()
