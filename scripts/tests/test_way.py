"""The choice between pulling and building, which a cluster keeps, and what is run where images are pulled."""

import json
from pathlib import Path

import pytest

from cluster import built, chart, engine, host, node, platform, pulled, tools
from cluster.built import Built
from cluster.failure import Failure
from cluster.pulled import Pulled
from cluster.target import Target
from cluster.way import Way, choose, decide, in_use, known
from offline.versions import version

from .programs import Programs

REDIS = "docker.io/library/redis:8.0.2"
NO_DAEMON = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?"
# A client, behind which no engine is installed.
DEAD_DOCKER = f'echo "{NO_DAEMON}" >&2; exit 1'
NO_REGISTRY = 'case $1 in pull) echo "Error: no route to host" >&2; exit 125 ;; esac'
PODMAN_S_NAME = 'echo "Client: Podman Engine"; echo "Version: 4.3.1"'
ELSE = "as root on Debian IMAGES=build make up builds all images instead"
# Answers while nodes.json is there.
KUBECTL = 'case "$5" in get) cat nodes.json 2>/dev/null ;; esac'


def refusal(word: str) -> str:
    with pytest.raises(Failure) as raised:
        choose(word)
    return str(raised.value)


@pytest.fixture(autouse=True)
def _nothing_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(built, "BEGUN", tmp_path / "begun")
    monkeypatch.setattr(engine, "DOCKER_SOCKET", Path("/var/run/docker.sock"))
    monkeypatch.setattr(engine, "SBIN", str(tmp_path))


@pytest.fixture
def target(tmp_path: Path) -> Target:
    return Target("t", tmp_path / "kubeconfig")


@pytest.fixture
def have_tools(programs: Programs) -> None:
    """The right ones, on the PATH."""
    for name in tools.TOOLS:
        told = f"case $1 in version) echo {version('tools', name)} ;; esac"
        programs.add(name, f"{told}; {KUBECTL}" if name == "kubectl" else told)


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


@pytest.mark.parametrize("docker", [DEAD_DOCKER, PODMAN_S_NAME])
def test_pull_without_an_engine(programs: Programs, docker: str) -> None:
    programs.add("docker", docker)
    assert refusal("pull") == f"neither Docker nor Podman is installed. Install one of them; {ELSE}"


def test_podman_s_api_is_not_taken_for_docker(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    programs.add("docker")
    programs.add("podman")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{engine.SOCKET}")
    way = choose("pull")
    assert isinstance(way, Pulled)
    assert way.engine == "podman"


@pytest.mark.parametrize("said", [PODMAN_S_NAME, 'echo "Server: linux/amd64/debian-12"; echo " Podman Engine:"'])
def test_podman_is_not_taken_for_docker_under_its_name_or_behind_its_client(programs: Programs, said: str) -> None:
    programs.add("docker", said)
    programs.add("podman")
    assert choose("pull").engine == "podman"


def test_auto_without_an_engine_builds(programs: Programs, capsys: pytest.CaptureFixture[str]) -> None:
    programs.add("apt-get")
    programs.add("docker", DEAD_DOCKER)
    assert isinstance(choose("auto"), Built) or not host.can_install()
    assert programs.calls() == ["docker version"]
    said = "  ! no container engine that could pull an image: images are built (IMAGES=build)\n"
    assert capsys.readouterr().out == said


@pytest.mark.usefixtures("programs")
def test_auto_without_an_engine_where_nothing_can_be_installed() -> None:
    assert refusal("auto") == f"neither Docker nor Podman is installed. Install one of them; {ELSE}"


def test_an_engine_that_is_not_started_is_told(programs: Programs) -> None:
    programs.add("dockerd")
    programs.add("docker", DEAD_DOCKER)
    programs.add("apt-get")
    expected = f"Docker does not answer: {NO_DAEMON} Mend that and run it again; {ELSE}"
    assert refusal("auto") == refusal("pull") == expected


def test_a_user_without_the_right_to_the_socket_is_told(programs: Programs) -> None:
    denied = "permission denied while trying to connect to the Docker daemon socket at unix:///run/d.sock"
    programs.add("docker", f'echo "{denied}" >&2; exit 1')
    assert refusal("auto").startswith(f"Docker does not answer: {denied}. ")


@pytest.mark.parametrize("word", ["auto", "pull"])
@pytest.mark.parametrize("name", ["docker", "podman"])
def test_where_no_image_can_be_pulled_the_engine_s_reason_is_told(programs: Programs, name: str, word: str) -> None:
    programs.add(name, NO_REGISTRY)
    programs.add("apt-get")
    assert refusal(word) == f"{name} cannot pull {REDIS}: no route to host. Mend that and run it again; {ELSE}"
    assert programs.calls()[-1] == f"{name} pull --quiet {REDIS}"


def test_podman_that_cannot_pull_beside_docker_that_does_not_run(programs: Programs) -> None:
    programs.add("dockerd")
    programs.add("docker", DEAD_DOCKER)
    programs.add("podman", NO_REGISTRY)
    expected = f"podman cannot pull {REDIS}: no route to host (Docker: {NO_DAEMON})"
    assert refusal("auto").startswith(expected)


def test_a_registry_that_never_answers(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulled, "PATIENCE", 0.2)
    programs.add("podman", "exec sleep 60")
    assert "did not come in 0.2 s" in refusal("pull")


def test_auto_where_no_image_can_be_pulled_builds_if_it_did_before(
    programs: Programs, capsys: pytest.CaptureFixture[str]
) -> None:
    built.BEGUN.touch()
    programs.add("podman", NO_REGISTRY)
    assert isinstance(choose("auto"), Built)
    assert programs.calls() == [f"podman pull --quiet {REDIS}"]
    said = "  ! no image can be pulled here (no route to host): images are built (IMAGES=build)\n"
    assert capsys.readouterr().out.endswith(said)


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


def test_podman_s_own_settings_are_changed_only_where_images_are_built() -> None:
    assert "CONTAINERS_CONF" not in Pulled("podman").env
    assert "CONTAINERS_CONF" in Built().env


def test_kind_gets_podman_for_docker_where_it_loads_images(programs: Programs) -> None:
    programs.add("podman")
    for way in (Pulled("podman"), Built()):
        assert str(engine.AS_DOCKER) in way.env["PATH"].split(":")
    assert str(engine.AS_DOCKER) not in Pulled("docker").env["PATH"].split(":")


def test_a_shell_with_a_podman_cluster_s_variables_still_uses_docker_for_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", f"{engine.AS_DOCKER}:/usr/bin")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{engine.SOCKET}")
    env = Pulled("docker").env
    assert (env["DOCKER_HOST"], env["PATH"]) == ("", "/usr/bin")


def lives(programs: Programs, target: Target, way: str, with_engine: str) -> None:
    status = {"conditions": [{"type": "Ready", "status": "True"}]}
    notes = {"mandates/way": way, "mandates/engine": with_engine}
    items = [{"metadata": {"annotations": notes}, "status": status}]
    (programs.folder / "nodes.json").write_text(json.dumps({"items": items}))
    node.note_of(target).write_text(f"{way} {with_engine}\n")


@pytest.mark.usefixtures("have_tools")
def test_a_cluster_that_lives_keeps_its_way_without_a_registry(programs: Programs, target: Target) -> None:
    programs.add("podman", NO_REGISTRY)
    programs.add("docker")
    lives(programs, target, "pull", "podman")
    way = decide(target, "auto")
    assert isinstance(way, Pulled)
    assert way.engine == "podman"
    assert not [line for line in programs.calls() if " pull " in line]


@pytest.mark.usefixtures("have_tools")
def test_a_cluster_that_lives_is_not_made_anew_by_the_other_way(programs: Programs, target: Target) -> None:
    programs.add("podman")
    lives(programs, target, "pull", "podman")
    with pytest.raises(Failure) as raised:
        decide(target, "build")
    expected = (
        "IMAGES=build, but cluster t was made with IMAGES=pull and lives. Run it without IMAGES, or make down first"
    )
    assert str(raised.value) == expected
    assert programs.calls("kind delete") == []


@pytest.mark.usefixtures("have_tools")
def test_a_dead_cluster_is_only_made_anew_when_images_can_be_pulled(programs: Programs, target: Target) -> None:
    programs.add("podman", NO_REGISTRY)
    lives(programs, target, "pull", "podman")
    (programs.folder / "nodes.json").unlink()
    with pytest.raises(Failure) as raised:
        decide(target, "auto")
    said = f"podman cannot pull {REDIS}: no route to host (cluster t was made with it)"
    remedy = f"Mend that and run it again, or rm {node.note_of(target)} to decide anew by what it is made"
    assert str(raised.value) == f"{said}. {remedy}"
    assert programs.calls("kind delete") == []


@pytest.mark.usefixtures("have_tools")
def test_a_dead_cluster_goes_by_its_own_engine_before_the_other_way_is_taken(
    programs: Programs, target: Target
) -> None:
    programs.add("kind", f"case $1 in version) echo {version('tools', 'kind')} ;; esac; env > env")
    programs.add("podman")
    lives(programs, target, "pull", "podman")
    (programs.folder / "nodes.json").unlink()
    assert isinstance(decide(target, "build"), Built)
    assert programs.calls("kind delete") == [f"kind delete cluster --name t --kubeconfig {target.kubeconfig}"]
    assert "KIND_EXPERIMENTAL_PROVIDER=podman" in (programs.folder / "env").read_text()
    assert not node.note_of(target).exists()


def test_what_takes_a_cluster_down_knows_its_way_and_engine(programs: Programs, target: Target) -> None:
    """Also beside a Docker that answers."""
    programs.add("docker")
    programs.add("podman")
    node.note_of(target).write_text("build podman\n")
    assert isinstance(in_use(target), Built)
    assert known(target).env["KIND_EXPERIMENTAL_PROVIDER"] == "podman"
    node.note_of(target).write_text("pull docker\n")
    assert "KIND_EXPERIMENTAL_PROVIDER" not in known(target).env


def test_a_way_whose_engine_is_gone_is_none(programs: Programs, target: Target) -> None:
    node.note_of(target).write_text("pull docker\n")
    assert in_use(target) is None
    assert programs.calls() == []


@pytest.mark.usefixtures("have_tools")
def test_docker_needs_nothing_but_the_tools(programs: Programs) -> None:
    Pulled("docker").prepare()
    assert {line.split()[0] for line in programs.calls()} == set(tools.TOOLS)


def info(**changes: object) -> str:
    host = {
        "memTotal": 8 * 1024**3,
        "security": {"rootless": True},
        "cgroupVersion": "v2",
        "cgroupControllers": ["cpu", "memory", "pids"],
        "ociRuntime": {"name": "crun"},
    }
    return f"echo '{json.dumps({'host': {**host, **changes}})}'"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"cgroupVersion": "v1"}, "podman runs rootless, and that needs control groups of version 2"),
        ({"cgroupControllers": ["memory"]}, "podman runs rootless and may not limit cpu, pids of its containers"),
        ({"memTotal": 2 * 1024**3}, "the cluster needs 5 GiB of memory, the machine that podman runs on has 2.0 GiB"),
    ],
)
def test_what_a_node_needs_of_podman_is_checked_before(
    programs: Programs, changes: dict[str, object], said: str
) -> None:
    programs.add("podman", info(**changes))
    with pytest.raises(Failure) as raised:
        Pulled("podman").require(5)
    assert str(raised.value).startswith(said)


def test_crun_on_hybrid_control_groups(programs: Programs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulled, "HYBRID", tmp_path)
    programs.add("podman", info(cgroupVersion="v1", security={"rootless": False}))
    with pytest.raises(Failure, match=r"^Podman starts containers with crun, which refuses .* Install runc"):
        Pulled("podman").require(0)


def test_what_a_node_needs_of_docker(programs: Programs) -> None:
    told = {"MemTotal": 2 * 1024**3, "CgroupVersion": "2", "MemoryLimit": True, "PidsLimit": True, "CPUShares": True}
    programs.add("docker", f"echo '{json.dumps(told)}'")
    Pulled("docker").require(0)
    with pytest.raises(Failure, match=r"^the cluster needs 5 GiB of memory, the machine that docker runs on has 2.0"):
        Pulled("docker").require(5)


def test_an_engine_that_tells_nothing(programs: Programs) -> None:
    programs.add("docker", "echo nothing")
    with pytest.raises(Failure, match=r"^docker info does not tell of its machine\. Look at docker info$"):
        Pulled("docker").require(5)


def test_the_node_is_kinds_own_image_by_digest() -> None:
    way = Pulled("docker")
    assert way.node_image() == version("images", "node")
    assert way.node_image().startswith("kindest/node:v1.36.4@sha256:")
    assert way.fingerprint() == version("images", "node").rpartition("sha256:")[2]


# Untars a chart with CRDs, as helm does.
HELM = 'case $1 in pull) for to; do :; done; mkdir -p "$to/some-chart/crds" ;; esac'


@pytest.fixture
def charts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "charts"
    monkeypatch.setattr(chart, "CHARTS", folder)
    return folder


def install(target: Target, way: Way | None = None) -> None:
    platform.install(target, way or Pulled("docker"))


def test_charts_are_fetched_once_at_their_versions(programs: Programs, target: Target, charts: Path) -> None:
    programs.add("helm", HELM)
    programs.add("kubectl")
    install(target)
    fetched = [line.rpartition(" --untar ")[0] for line in sorted(programs.calls("helm pull"))]
    assert fetched == [
        "helm pull dapr --repo https://dapr.github.io/helm-charts/ --version 1.18.2",
        "helm pull oci://quay.io/strimzi-helm/strimzi-kafka-operator --version 1.2.0",
    ]
    assert sorted(programs.calls("helm upgrade")) == [
        f"helm upgrade --install dapr {charts}/dapr-1.18.2"
        " --kube-context kind-t --namespace dapr-system --create-namespace"
        f" --values={platform.K8S}/dapr/control-plane-values.yaml --set global.tag=1.18.2 --wait --timeout=900s",
        f"helm upgrade --install strimzi {charts}/strimzi-1.2.0 --kube-context kind-t"
        " --namespace strimzi --create-namespace --skip-crds"
        " --set watchAnyNamespace=true --wait --timeout=900s"
        " --set extraEnvs[0].name=STRIMZI_POD_SECURITY_PROVIDER_CLASS --set extraEnvs[0].value=restricted",
    ]
    assert all(line.startswith("kubectl --context kind-t ") for line in programs.calls("kubectl"))
    install(target)
    assert len(programs.calls("helm pull")) == 2


def test_strimzi_s_crds_are_changed_before_helm_which_never_does(
    programs: Programs, target: Target, charts: Path
) -> None:
    programs.add("helm", HELM)
    programs.add("kubectl")
    Pulled("docker").install_strimzi(target)
    crds = f"-f {charts}/strimzi-1.2.0/crds"
    assert [line.split()[0] for line in programs.calls()] == ["helm", "kubectl", "kubectl", "helm"]
    assert [
        line.removeprefix("kubectl --context kind-t --namespace mandates ") for line in programs.calls("kubectl")
    ] == [
        f"apply --server-side --force-conflicts {crds}",
        f"wait --for=condition=Established {crds} --timeout=60s",
    ]


def half_done(programs: Programs, status: str) -> None:
    one = f'[{{"name": "dapr", "namespace": "dapr-system", "status": "{status}"}}]'
    programs.add("helm", f"case $1 in list) echo '{one}' ;; esac; {HELM}")
    programs.add("kubectl")


@pytest.mark.usefixtures("charts")
def test_what_a_killed_helm_left_half_installed_is_removed_first(programs: Programs, target: Target) -> None:
    half_done(programs, "pending-install")
    install(target)
    removed, *rest = programs.calls("helm")[1:]
    assert removed == "helm uninstall dapr --kube-context kind-t --namespace dapr-system --wait"
    assert any(line.startswith("helm upgrade --install dapr ") for line in rest)


@pytest.mark.usefixtures("charts")
def test_what_a_killed_helm_left_half_changed_goes_on_running(programs: Programs, target: Target) -> None:
    half_done(programs, "pending-upgrade")
    install(target)
    assert programs.calls("helm uninstall") == []
    books = "delete secret --namespace dapr-system --selector owner=helm,name=dapr,status=pending-upgrade"
    assert programs.calls("kubectl")[0] == f"kubectl --context kind-t --namespace mandates {books}"


@pytest.mark.usefixtures("charts")
def test_kafka_is_applied_only_once_its_operator_is_there_and_its_users_are_waited_for(
    programs: Programs, target: Target
) -> None:
    programs.add("helm", HELM)
    programs.add("kubectl")
    install(target)
    looks = "kubectl --context kind-t --namespace mandates get "
    calls = [line for line in programs.calls() if "strimzi" in line or " kafka" in line or "kafka-tools" in line]
    calls = [line for line in calls if not line.startswith(looks)]
    wait = "kubectl --context kind-t --namespace mandates wait --for=condition=Ready --all --timeout=180s"
    assert calls[4:] == [
        f"kubectl --context kind-t --namespace mandates apply -k {platform.K8S}/strimzi",
        *(f"{wait} {kind}" for kind in ("kafka", "kafkatopic", "kafkauser")),
        f"kubectl --context kind-t --namespace mandates apply -k {platform.K8S}/kafka-tools",
        "kubectl --context kind-t --namespace mandates rollout status deployment/kafka-tools --timeout=900s",
    ]
