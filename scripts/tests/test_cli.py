"""What a user sees of a command that cannot go on: one sentence, and an exit code."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from offline.versions import ROOT

from .programs import Programs

ENVIRONMENT = {"PYTHONPATH": f"{ROOT}:{ROOT / 'scripts'}"}
CLI = [sys.executable, "-m", "cluster"]


def mandates(*words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    env = {**os.environ, **ENVIRONMENT, **environment}
    return subprocess.run([*CLI, *words], env=env, capture_output=True, text=True, timeout=60, check=False)


def test_a_wrong_way() -> None:
    done = mandates("up", IMAGES="foo")
    expected = "\nmandates up: IMAGES=foo is none of auto, pull, build. Run it again with one of these\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", expected)


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (
            'echo "permission denied while trying to connect to unix:///run/docker.sock" >&2; exit 1',
            "Docker does not answer: permission denied while trying to connect to unix:///run/docker.sock",
        ),
        (
            'case $1 in pull) echo "toomanyrequests: You have reached your pull rate limit." >&2; exit 1 ;; esac',
            "docker cannot pull docker.io/library/redis:8.0.2: toomanyrequests: You have reached your pull rate limit",
        ),
    ],
)
def test_what_is_wrong_with_an_engine_is_said_before_anything_is_made(
    programs: Programs, tmp_path: Path, script: str, said: str
) -> None:
    programs.add("docker", script)
    for tool in ("kind", "kubectl", "helm", "skaffold", "apt-get"):
        programs.add(tool)
    done = mandates("up", IMAGES="", KUBECONFIG=str(tmp_path / "kubeconfig"))
    remedy = "Mend that and run it again; as root on Debian IMAGES=build make up builds all images instead"
    assert (done.returncode, done.stderr) == (1, f"\nmandates up: {said}. {remedy}\n")
    made = [line for line in programs.calls() if not line.startswith(("docker ", "kubectl "))]
    assert made == []


def test_make_passes_it_on(tmp_path: Path) -> None:
    """Make's own exit code for a command that failed is 2."""
    make = shutil.which("make")
    assert make
    venv = Path(sys.executable).parents[2]
    cache = {"MANDATES_CACHE": str(venv.parent)} if venv.name == "venv" else {}
    if not cache:
        pytest.skip("runs in no environment of scripts/mandates")
    env = {**os.environ, **cache, "HOME": str(tmp_path)}
    words = [make, "--directory", str(ROOT), "up", "IMAGES=foo"]
    done = subprocess.run(words, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "mandates up: IMAGES=foo is none of auto, pull, build." in done.stderr


@pytest.mark.parametrize("words", [["fly"], [], ["check", "luck"]])
def test_what_is_no_command(words: list[str]) -> None:
    done = mandates(*words)
    assert done.returncode == 2
    assert done.stderr.startswith("usage: mandates")
    assert done.stdout == ""


def test_an_interrupt(programs: Programs) -> None:
    """As `kill -INT` sends it: to this process alone, while it waits for a program."""
    programs.add("docker", "case $1 in pull) touch pulling; exec sleep 60 ;; esac")
    env = {**os.environ, **ENVIRONMENT, "IMAGES": "pull"}
    run = subprocess.Popen([*CLI, "up"], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not (programs.folder / "pulling").exists():
        assert run.poll() is None
        time.sleep(0.01)
    run.send_signal(signal.SIGINT)
    _, said = run.communicate(timeout=20)
    assert run.returncode == 130
    assert said == "\nmandates up: interrupted. What is done is kept: run it again to go on.\n"


def launch(programs: Programs, *words: str) -> "subprocess.CompletedProcess[str]":
    bash, dirname = shutil.which("bash", path=os.defpath), shutil.which("dirname", path=os.defpath)
    assert bash
    assert dirname
    (programs.folder / "dirname").symlink_to(dirname)
    return subprocess.run(
        [bash, str(ROOT / "scripts" / "mandates"), *words], capture_output=True, text=True, timeout=60, check=False
    )


def test_an_old_python(programs: Programs) -> None:
    programs.add("python3", 'case $1 in --version) echo "Python 3.9.2" ;; *) exit 1 ;; esac')
    done = launch(programs, "up")
    python = programs.folder / "python3"
    needed = "3.11 or newer is needed. Install one, as python3.11 to python3.14 on the PATH."
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"mandates: {python} is Python 3.9.2, {needed}\n"


@pytest.mark.parametrize("name", ["python3.11", "python3.14"])
def test_a_newer_python_beside_an_old_one_is_found_by_its_name(programs: Programs, name: str) -> None:
    programs.add("python3", "exit 1")
    programs.add(name, 'case $1 in -c) ;; --version) echo "Python 3" ;; *) echo "$@" > made; exit 3 ;; esac')
    for tool in ("cat", "cksum", "tr"):
        (programs.folder / tool).symlink_to(shutil.which(tool, path=os.defpath) or "")
    assert launch(programs, "up").returncode == 3
    made = (programs.folder / "made").read_text().split()
    assert made[0].endswith("/scripts/environment.py")
    assert made[2].endswith("/requirements-cluster.lock")


@pytest.mark.parametrize(
    ("words", "lock"),
    [(["env"], "cluster"), (["operate", "audit"], "cluster"), (["exec", "true"], "dev"), (["check"], "dev")],
)
def test_a_cluster_and_its_operation_need_only_the_small_environment(
    programs: Programs, words: list[str], lock: str
) -> None:
    programs.add("python3", 'case $1 in -c) ;; --version) echo "Python 3" ;; *) echo "$@" > made; exit 3 ;; esac')
    for tool in ("cat", "cksum", "tr"):
        (programs.folder / tool).symlink_to(shutil.which(tool, path=os.defpath) or "")
    launch(programs, *words)
    assert (programs.folder / "made").read_text().strip().endswith(f"/requirements-{lock}.lock")


def test_no_python(programs: Programs) -> None:
    done = launch(programs, "up")
    assert done.returncode == 2
    assert done.stderr == "mandates: python3 is not installed. Install Python 3.11 or newer.\n"
