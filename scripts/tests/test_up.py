"""The way with registries from its first step to its last, with programs that only note what is asked of them."""

import json
import shutil
import sys
from pathlib import Path

import pytest

from cluster import __main__ as commands
from cluster import built, chart, clean, engine, host, node, services
from cluster.failure import Failure
from cluster.pulled import Pulled
from cluster.target import Target
from cluster.up import up
from offline.versions import version

from .programs import Programs

GIB = 1024**3
DOCKER = {"MemTotal": 8 * GIB, "CgroupVersion": "2", "MemoryLimit": True, "PidsLimit": True, "CPUShares": True}
PODMAN = {
    "memTotal": 8 * GIB,
    "security": {"rootless": False},
    "cgroupVersion": "v2",
    "cgroupControllers": ["cpu", "memory", "pids"],
    "ociRuntime": {"name": "crun"},
}
KIND = """
case "$1 $2" in
"get clusters") cat clusters 2>/dev/null ;;
"create cluster") echo "$4" >> clusters; cp made.json nodes.json ;;
"delete cluster") rm -f clusters nodes.json ;;
"load docker-image") docker save -o there "$5" ;;
esac
exit 0
"""
HELM = 'case $1 in pull) for to; do :; done; mkdir -p "$to/some-chart/crds" ;; esac'
KUBECTL = 'case "$5 $6" in "get nodes") cat nodes.json 2>/dev/null ;; esac'
SKAFFOLD = """
[ "$1" = build ] || exit 0
while [ "$1" != --file-output ]; do shift; done
echo '{"builds": [{"tag": "mandates/crm:1"}, {"tag": "mandates/iot:1"}]}' > "$2"
"""
# Podman's API, for as long as the test.
SERVICE = """import socket, sys, time
with socket.socket(socket.AF_UNIX) as api:
    api.bind(sys.argv[1].removeprefix("unix://"))
    api.listen()
    time.sleep(60)
"""


ORDER = ["docker version", "docker pull", "docker info", "kind create cluster", "helm upgrade", "skaffold deploy"]


@pytest.fixture
def target(programs: Programs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Target:
    monkeypatch.delenv("IMAGES", raising=False)
    monkeypatch.setattr(chart, "CHARTS", tmp_path / "charts")
    monkeypatch.setattr(clean, "CHARTS", tmp_path / "charts")
    monkeypatch.setattr(built, "BEGUN", tmp_path / "begun")
    monkeypatch.setattr(services, "CACHE", tmp_path)
    monkeypatch.setattr(engine, "SBIN", str(tmp_path))
    monkeypatch.setattr(host, "require_memory", lambda _: None)
    for name, script in {"kind": KIND, "kubectl": KUBECTL, "helm": HELM, "skaffold": SKAFFOLD}.items():
        fits = f"case $1 in version) echo {version('tools', name)}; exit ;; esac"
        # They find each other where a way's PATH puts them.
        programs.add(name, f'{fits}\nPATH="$WAY:{programs.folder}:$PATH"\n{script}')
    made_from = {"mandates/images": Pulled("docker").fingerprint()}
    ready = {"conditions": [{"type": "Ready", "status": "True"}]}
    nodes = [{"metadata": {"annotations": made_from}, "status": ready}]
    (programs.folder / "made.json").write_text(json.dumps({"items": nodes}))
    return Target("t", tmp_path / "kubeconfig")


@pytest.fixture
def docker(programs: Programs) -> None:
    programs.add("docker", f"case $1 in info) echo '{json.dumps(DOCKER)}' ;; esac")


@pytest.fixture
def podman(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    (programs.folder / "service.py").write_text(SERVICE)
    monkeypatch.setenv("WAY", str(engine.AS_DOCKER))
    programs.add(
        "podman",
        f"""case "$1 $2" in
        "info --format") echo '{json.dumps({"host": PODMAN})}' ;;
        "system service") exec {sys.executable} service.py "$4" ;;
        "images --format") echo docker.io/mandates/crm:1; echo docker.io/somebody/else:2 ;;
        "images --quiet") echo base ;;
        "ps --all") printf '%s\n' "step2 stage2 buildah" "step1 base buildah" "another base sleep" "x y buildah" ;;
        "images --all") [ "$5" = label={clean.LABEL} ] && echo stage2 && echo stage1 && echo stage1 ;;
        esac""",
    )


@pytest.mark.usefixtures("docker")
def test_with_docker(programs: Programs, target: Target) -> None:
    up(target)
    calls = programs.calls()
    order = [next(i for i, line in enumerate(calls) if line.startswith(words)) for words in ORDER]
    assert order == sorted(order)
    assert node.origin_of(target) == ("pull", "docker")
    assert programs.calls("podman") == []


@pytest.mark.usefixtures("podman")
def test_with_podman_alone_images_are_loaded_without_a_docker_client(programs: Programs, target: Target) -> None:
    try:
        up(target)
        saved = ["podman save -o there mandates/crm:1", "podman save -o there mandates/iot:1"]
        assert programs.calls("podman save") == saved
        assert shutil.which("docker") is None
        assert node.origin_of(target) == ("pull", "podman")
    finally:
        engine.stop_service()


@pytest.mark.usefixtures("docker")
def test_what_a_machine_lacks_is_said_before_anything_is_made(programs: Programs, target: Target) -> None:
    small = DOCKER | {"MemTotal": 2 * GIB}
    programs.add("docker", f"case $1 in info) echo '{json.dumps(small)}' ;; esac")
    with pytest.raises(Failure, match=r"^the cluster needs 5 GiB of memory, the machine that docker runs on has 2\.0"):
        up(target)
    assert programs.calls("kind") == programs.calls("helm") == [], "no tool is brought for such a machine"
    assert not node.note_of(target).exists()


@pytest.mark.usefixtures("docker")
def test_an_image_is_loaded_unless_every_node_has_it(programs: Programs, target: Target) -> None:
    up(target)
    nodes = json.loads((programs.folder / "nodes.json").read_text())
    nodes["items"][0]["status"]["images"] = [{"names": ["docker.io/mandates/crm:1"]}, {"sizeBytes": 1}]
    (programs.folder / "nodes.json").write_text(json.dumps(nodes))
    up(target)
    loads = programs.calls("kind load")
    assert [line.rpartition(" ")[2] for line in loads] == ["mandates/crm:1", "mandates/iot:1", "mandates/iot:1"]


@pytest.mark.usefixtures("docker")
def test_up_once_more_while_the_registries_are_away(programs: Programs, target: Target) -> None:
    up(target)
    programs.add("docker", 'case $1 in pull) echo "no such host" >&2; exit 1 ;; esac')
    programs.add("helm", f"case $1 in version) echo {version('tools', 'helm')} ;; pull) exit 1 ;; esac")
    up(target)
    assert len(programs.calls("kind create")) == 1
    assert programs.calls("kind delete") == []


@pytest.mark.usefixtures("docker", "podman")
def test_what_is_in_podman_is_taken_down_in_podman_beside_a_docker_that_answers(
    programs: Programs, target: Target
) -> None:
    node.note_of(target).write_text("pull podman\n")
    programs.add("kind", f"case $1 in version) echo {version('tools', 'kind')} ;; *) env > env ;; esac")
    commands._down(target)
    assert "KIND_EXPERIMENTAL_PROVIDER=podman" in (programs.folder / "env").read_text().splitlines()
    assert not node.note_of(target).exists()


@pytest.mark.usefixtures("podman")
def test_the_variables_for_a_shell_are_all_that_is_printed(target: Target, capsys: pytest.CaptureFixture[str]) -> None:
    node.note_of(target).write_text("pull podman\n")
    try:
        commands._env(target)
    finally:
        engine.stop_service()
    told = capsys.readouterr().out.splitlines()
    assert told == [
        "export KIND_EXPERIMENTAL_PROVIDER=podman",
        f"export DOCKER_HOST=unix://{engine.SOCKET}",
        f'export PATH={engine.AS_DOCKER}:"$PATH"',
    ]


def test_the_variables_of_no_cluster(target: Target) -> None:
    with pytest.raises(Failure, match=r"^there is no cluster t\. Run make up, or name another one: CLUSTER=name$"):
        commands._env(target)


@pytest.mark.usefixtures("podman")
def test_clean_leaves_nothing(
    programs: Programs, target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    monkeypatch.setattr(clean, "CACHE", cache)
    (cache / "logs").mkdir(parents=True)
    # A cluster of the end-to-end suite that was kept.
    (cache / "kind-t2.way").write_text("pull podman\n")
    node.note_of(target).write_text("pull podman\n")
    chart.CHARTS.mkdir()
    programs.add("kind", f"case $1 in version) echo {version('tools', 'kind')} ;; get) echo t; echo t2 ;; esac")
    clean.clean(target)
    assert [line.split()[4] for line in programs.calls("kind delete")] == ["t", "t2"]
    removed = programs.calls("podman rmi")
    assert removed[0] == "podman rmi --force docker.io/mandates/crm:1"
    node_image = version("images", "node")
    assert removed[1] == "podman rmi --force stage2 stage1"
    assert programs.calls("podman rm ") == ["podman rm --force step2 step1"]
    assert [line.split()[-1] for line in removed[2:]] == [
        "docker.io/library/redis:8.0.2",
        "docker.io/library/python:3.13-slim",
        f"docker.io/{node_image}",
    ]
    assert not cache.exists()
    assert not node.note_of(target).exists()
