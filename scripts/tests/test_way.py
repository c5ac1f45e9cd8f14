"""The choice between pulling and building, and what is run where images are pulled."""

from pathlib import Path

import pytest

from cluster import engine, platform
from cluster.built import Built
from cluster.failure import Failure
from cluster.pulled import TOOLS, Pulled
from cluster.target import Target
from cluster.way import choose
from offline.versions import version

from .programs import Programs

REDIS = "docker.io/library/redis:8.0.2"
DEAD_DOCKER = "exit 1"
NO_REGISTRY = 'case $1 in pull) echo "no route to host" >&2; exit 125 ;; esac'


def refusal(word: str) -> str:
    with pytest.raises(Failure) as raised:
        choose(word)
    return str(raised.value)


def test_a_word_that_is_none_of_the_three(programs: Programs) -> None:
    assert refusal("foo") == "IMAGES=foo is none of auto, pull, build. Run it again with one of these"
    assert programs.calls() == []


def test_build_asks_nobody(programs: Programs) -> None:
    programs.add("docker")
    assert isinstance(choose("build"), Built)
    assert programs.calls() == []


def test_the_variable_counts_where_no_word_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGES", "build")
    assert isinstance(choose(), Built)


def test_pull_without_an_engine(programs: Programs) -> None:
    programs.add("docker", DEAD_DOCKER)
    expected = "IMAGES=pull, but neither Docker nor Podman runs here. Start Docker, or run with IMAGES=build"
    assert refusal("pull") == expected


def test_podman_s_api_is_not_taken_for_docker(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    programs.add("docker")
    programs.add("podman")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{engine.SOCKET}")
    way = choose("pull")
    assert isinstance(way, Pulled)
    assert way.engine == "podman"


def test_auto_without_an_engine_builds(programs: Programs, capsys: pytest.CaptureFixture[str]) -> None:
    assert isinstance(choose("auto"), Built)
    assert programs.calls() == []
    said = "  ! no container engine that could pull an image: images are built (IMAGES=build)\n"
    assert capsys.readouterr().out == said


@pytest.mark.parametrize("name", ["docker", "podman"])
def test_pull_where_no_image_can_be_pulled(programs: Programs, name: str) -> None:
    programs.add(name, NO_REGISTRY)
    expected = f"IMAGES=pull, but {name} cannot pull an image. Check the network, or run with IMAGES=build"
    assert refusal("pull") == expected
    assert programs.calls()[-1] == f"{name} pull --quiet {REDIS}"


def test_auto_where_no_image_can_be_pulled_builds(programs: Programs, capsys: pytest.CaptureFixture[str]) -> None:
    programs.add("podman", NO_REGISTRY)
    assert isinstance(choose("auto"), Built)
    assert programs.calls() == [f"podman pull --quiet {REDIS}"]
    assert capsys.readouterr().out.endswith("  ! no image can be pulled here: images are built (IMAGES=build)\n")


@pytest.mark.parametrize("word", ["auto", "pull"])
def test_where_an_image_can_be_pulled_all_are(programs: Programs, word: str) -> None:
    programs.add("podman")
    programs.add("docker")
    way = choose(word)
    assert isinstance(way, Pulled)
    assert way.engine == "docker"


def test_podman_pulls_where_docker_is_installed_but_does_not_run(programs: Programs) -> None:
    programs.add("docker", DEAD_DOCKER)
    programs.add("podman")
    way = choose("auto")
    assert isinstance(way, Pulled)
    assert way.engine == "podman"
    assert way.env["KIND_EXPERIMENTAL_PROVIDER"] == "podman"
    assert way.env["DOCKER_HOST"].startswith("unix://")


def test_tools_that_are_missing_are_named_with_their_versions(programs: Programs) -> None:
    programs.add("kubectl")
    programs.add("helm")
    with pytest.raises(Failure) as raised:
        Pulled("docker").prepare()
    missing = f"kind {version('tools', 'kind')}, skaffold {version('tools', 'skaffold')}"
    remedy = "Install it as its project's site says, or run IMAGES=build make up, which builds all tools"
    assert str(raised.value) == f"needed and not installed: {missing}. {remedy}"


def test_docker_needs_nothing_but_the_tools(programs: Programs) -> None:
    for tool in TOOLS:
        programs.add(tool)
    Pulled("docker").prepare()
    assert programs.calls() == []


def test_the_node_is_kinds_own_image_by_digest() -> None:
    way = Pulled("docker")
    assert way.node_image() == version("images", "node")
    assert way.node_image().startswith("kindest/node:v1.36.4@sha256:")
    assert way.fingerprint() == version("images", "node").rpartition("sha256:")[2]


def test_charts_come_from_their_repositories_at_their_versions(programs: Programs, tmp_path: Path) -> None:
    programs.add("helm")
    programs.add("kubectl")
    target = Target("t", tmp_path / "kubeconfig")
    platform.install(target, Pulled("docker"))
    helm = sorted(programs.calls("helm upgrade"))
    assert helm == [
        "helm upgrade --install dapr dapr --repo https://dapr.github.io/helm-charts/ --version 1.18.2"
        " --kube-context kind-t --namespace dapr-system --create-namespace"
        f" --values {platform.K8S}/dapr/control-plane-values.yaml --set global.tag=1.18.2 --wait --timeout=5m",
        "helm upgrade --install strimzi strimzi-kafka-operator --kube-context kind-t"
        " --repo https://strimzi.io/charts/ --version 1.2.0 --namespace strimzi --create-namespace"
        " --set watchAnyNamespace=true --wait --timeout=5m",
    ]
    assert all(line.startswith("kubectl --context kind-t ") for line in programs.calls("kubectl"))


def half_done(programs: Programs, status: str) -> None:
    one = f'[{{"name": "dapr", "namespace": "dapr-system", "status": "{status}"}}]'
    programs.add("helm", f"case $1 in list) echo '{one}' ;; esac")
    programs.add("kubectl")


def test_what_a_killed_helm_left_half_installed_is_removed_first(programs: Programs, tmp_path: Path) -> None:
    half_done(programs, "pending-install")
    platform.install(Target("t", tmp_path / "kubeconfig"), Pulled("docker"))
    removed, *rest = programs.calls("helm")[1:]
    assert removed == "helm uninstall dapr --kube-context kind-t --namespace dapr-system --wait"
    assert any(line.startswith("helm upgrade --install dapr ") for line in rest)


def test_what_a_killed_helm_left_half_changed_goes_on_running(programs: Programs, tmp_path: Path) -> None:
    half_done(programs, "pending-upgrade")
    platform.install(Target("t", tmp_path / "kubeconfig"), Pulled("docker"))
    assert programs.calls("helm uninstall") == []
    books = "delete secret --namespace dapr-system --selector owner=helm,name=dapr,status=pending-upgrade"
    assert programs.calls("kubectl")[0] == f"kubectl --context kind-t --namespace default {books}"


def test_kafka_is_applied_only_once_its_operator_is_there_and_its_users_are_waited_for(
    programs: Programs, tmp_path: Path
) -> None:
    programs.add("helm")
    programs.add("kubectl")
    platform.install(Target("t", tmp_path / "kubeconfig"), Pulled("docker"))
    looks = "kubectl --context kind-t --namespace default get "
    calls = [line for line in programs.calls() if "strimzi" in line or " kafka" in line]
    calls = [line for line in calls if not line.startswith(looks)]
    wait = "kubectl --context kind-t --namespace default wait --for=condition=Ready --all --timeout=300s"
    assert calls[1:] == [
        f"kubectl --context kind-t --namespace default apply -k {platform.K8S}/strimzi",
        *(f"{wait} {kind}" for kind in ("kafka", "kafkatopic", "kafkauser")),
    ]
