"""versions.toml is the one place of every version: what other tools' files repeat of it agrees with it."""

import re
import tomllib
from collections.abc import Iterator
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

from offline.gomodule import GO
from offline.versions import ROOT, image, version

# go.mod's folder -> the module in it whose version is versions.toml's -> where it stands there.
MODULES = {
    "kubernetes": ("k8s.io/kubernetes", ("platform", "kubernetes")),
    "etcd": ("go.etcd.io/etcd/server/v3", ("platform", "etcd")),
    "coredns": ("github.com/coredns/coredns", ("platform", "coredns")),
    "local-path-provisioner": ("github.com/rancher/local-path-provisioner", ("platform", "local-path-provisioner")),
    "kube-router": ("github.com/cloudnativelabs/kube-router/v2", ("platform", "kube-router")),
    "dapr": ("github.com/dapr/dapr", ("platform", "dapr")),
    "kind": ("sigs.k8s.io/kind", ("tools", "kind")),
    "helm": ("helm.sh/helm/v3", ("tools", "helm")),
    "skaffold": ("github.com/GoogleContainerTools/skaffold/v2", ("tools", "skaffold")),
    "actionlint": ("github.com/rhysd/actionlint", ("lint", "actionlint")),
}
JARS = {
    "org.apache.kafka:kafka_2.13": version("platform", "kafka"),
    "org.apache.kafka:kafka-tools": version("platform", "kafka"),
    "io.strimzi:api": version("platform", "strimzi"),
    "io.strimzi:crd-generator": version("platform", "strimzi"),
    "io.zipkin:zipkin-server": image("zipkin").rpartition(":")[2],
}
MANIFESTS = sorted([*ROOT.glob("k8s/**/*.yaml"), *ROOT.glob("offline/strimzi/deploy/*.yaml")])


def documents(path: Path) -> Iterator[dict[str, Any]]:
    yield from (one for one in yaml.safe_load_all(path.read_text()) if one)


def values(document: object, key: str) -> Iterator[Any]:
    """All that stands under a key, at any depth."""
    if isinstance(document, dict):
        for name, value in document.items():
            if name == key:
                yield value
            yield from values(value, key)
    elif isinstance(document, list):
        yield from chain.from_iterable(values(one, key) for one in document)


def strings(document: object) -> Iterator[str]:
    if isinstance(document, dict | list):
        parts = document.values() if isinstance(document, dict) else document
        yield from chain.from_iterable(strings(one) for one in parts)
    elif isinstance(document, str):
        yield document


@cache
def required(module: str) -> dict[str, str]:
    text = (GO / module / "go.mod").read_text()
    return dict(re.findall(r"^\s*(?:require )?([\w./-]+) v(\S+)", text, re.MULTILINE))


def test_each_go_module_has_its_version_in_one_place() -> None:
    # pause is no module of others: the project's own few lines.
    assert {path.parent.name for path in GO.glob("*/go.mod")} == {*MODULES, "pause"}


@pytest.mark.parametrize("folder", MODULES)
def test_go_modules(folder: str) -> None:
    module, where = MODULES[folder]
    assert required(folder)[module] == version(*where)


def test_kubernetes_own_modules_have_its_minor_and_patch_version() -> None:
    text = (GO / "kubernetes" / "go.mod").read_text()
    staged = set(re.findall(r"^\s*k8s\.io/\S+ => k8s\.io/\S+ v(\S+)", text, re.MULTILINE))
    assert staged == {"0." + version("platform", "kubernetes").partition(".")[2]}


def test_kubectl_is_the_clusters_own() -> None:
    assert version("tools", "kubectl") == version("platform", "kubernetes")


def test_jars() -> None:
    space = {"m": "http://maven.apache.org/POM/4.0.0"}
    found = {}
    for pom in ROOT.glob("offline/java/*/pom.xml"):
        for one in ElementTree.parse(pom).iterfind("m:dependencies/m:dependency", space):  # noqa: S314  our own file
            group, artifact, number = (
                one.findtext(f"m:{tag}", "", space) for tag in ("groupId", "artifactId", "version")
            )
            found[f"{group}:{artifact}"] = number
    # Kafka's logging is no version of the platform.
    assert found.pop("org.apache.logging.log4j:log4j-slf4j-impl")
    assert found == JARS


def test_every_image_of_the_manifests_is_in_versions_toml() -> None:
    images = {name: image(name) for name in ("redis", "mariadb", "zipkin", "akhq", "strimzi-double", "kafka-tools")}
    named = {one for path in MANIFESTS for document in documents(path) for one in values(document, "image")}
    assert named == set(images.values())


def test_what_the_stand_in_is_told_to_run() -> None:
    (deployment,) = documents(ROOT / "offline/strimzi/deploy/deployment.yaml")
    assert image("kafka") in set(strings(deployment))


def test_images_have_the_version_of_what_is_in_them() -> None:
    assert image("kafka").rpartition(":")[2] == version("platform", "kafka")
    assert image("kafka-tools").endswith(f":{version('platform', 'strimzi')}-kafka-{version('platform', 'kafka')}")
    assert image("strimzi-double").rpartition(":")[2] == version("platform", "strimzi")


def test_the_cluster_asks_for_the_kafka_that_the_image_has() -> None:
    kinds = {one["kind"]: one for one in documents(ROOT / "k8s/strimzi/kafka.yaml")}
    assert kinds["Kafka"]["spec"]["kafka"]["version"] == version("platform", "kafka")


def test_the_pulled_node_has_the_built_ones_minor_version_or_a_newer_patch_of_it() -> None:
    reference, _, digest = image("node").partition("@")
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", digest)
    pulled = [int(part) for part in reference.rpartition(":v")[2].split(".")]
    built = [int(part) for part in version("platform", "kubernetes").split(".")]
    assert pulled[:2] == built[:2]
    assert pulled >= built


def test_the_stand_in_has_the_version_of_what_it_stands_in_for() -> None:
    project = tomllib.loads((ROOT / "offline/strimzi/pyproject.toml").read_text())["project"]
    assert project["version"] == version("platform", "strimzi")


@pytest.mark.parametrize("path", [*ROOT.glob("services/*/Dockerfile"), ROOT / "offline/strimzi/Containerfile"], ids=str)
def test_services_stand_on_the_python_image(path: Path) -> None:
    bases = re.findall(r"^(?:FROM|ARG PYTHON_IMAGE=)\s*(python\S*)", path.read_text(), re.MULTILINE)
    assert set(bases) == {image("python")}


def test_workflows_are_checked_by_the_same_version() -> None:
    workflow = (ROOT / ".github" / "workflows" / "check.yaml").read_text()
    assert re.findall(r"docker://rhysd/actionlint:(\S+)", workflow) == [version("lint", "actionlint")]


def test_skaffold_knows_the_version_of_its_file() -> None:
    """Skaffold 2.16 reads up to v4beta13: schema.SchemaVersionsV2 of its source."""
    assert version("tools", "skaffold").startswith("2.16.")
    assert {one["apiVersion"] for one in documents(ROOT / "skaffold.yaml")} == {"skaffold/v4beta13"}


def test_every_tool_has_a_release_with_a_checksum() -> None:
    tables = tomllib.loads((ROOT / "versions.toml").read_text())
    assert set(tables["tools"]) == set(tables["releases"]) == set(tables["checksums"])
    assert all(where.startswith("https://") and "v{version}" in where for where in tables["releases"].values())
    for name, digest in tables["pins"].items():
        tool, system, arch = name.split("-")
        assert tool in tables["tools"]
        assert system in ("linux", "darwin")
        assert arch in ("amd64", "arm64")
        assert re.fullmatch("[0-9a-f]{64}", digest)


LOCKS = [*ROOT.glob("*.lock"), *ROOT.glob("services/*/*.lock"), *ROOT.glob("offline/*/*.lock")]


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_lock_file_has_hashes_and_names_no_registry(path: Path) -> None:
    text = path.read_text()
    assert "--hash=sha256:" in text
    assert not re.findall(r"https?://|--(?:extra-)?index-url|--find-links", text)
