"""The environments that the commands run in: small for a cluster, and to be had wherever one runs."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from offline.versions import ROOT

# As `uv pip compile` names them: the machines on which people try this, beside those it is written on.
PLATFORMS = ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu", "x86_64-apple-darwin", "aarch64-apple-darwin"]
PYTHONS = ["3.11", "3.14"]
# cryptography, which the checks need for the stand-in's certificates, has no wheel for Intel's Macs any more.
COMBINATIONS = [("requirements-cluster.lock", one) for one in PLATFORMS]
COMBINATIONS += [("requirements-dev.lock", one) for one in PLATFORMS if one != "x86_64-apple-darwin"]
LOCKS = [ROOT / "requirements-cluster.lock", ROOT / "requirements-dev.lock"]


def pins(lock: Path) -> dict[str, str]:
    return dict(re.findall(r"^(\S+)==(\S+)", lock.read_text(), re.MULTILINE))


def test_a_cluster_s_commands_need_one_package_in_the_version_of_the_checks() -> None:
    small, whole = map(pins, LOCKS)
    assert list(small) == ["pyyaml"]
    assert small.items() <= whole.items()


def test_they_import_nothing_else() -> None:
    """In an interpreter that has the standard library, the project and PyYAML."""
    hide = "import sys, importlib.abc\n"
    hide += "class Only(importlib.abc.MetaPathFinder):\n"
    hide += "    def find_spec(self, name, path=None, target=None):\n"
    hide += "        top = name.partition('.')[0]\n"
    hide += "        known = {*sys.stdlib_module_names, 'cluster', 'operate', 'offline', 'yaml', '_yaml'}\n"
    hide += "        if top not in known: raise ImportError(f'{name} is not in the small environment')\n"
    hide += "sys.meta_path.insert(0, Only())\nimport cluster.__main__, operate.__main__\n"
    env = {"PYTHONPATH": f"{ROOT}:{ROOT / 'scripts'}", "PATH": ""}
    subprocess.run([sys.executable, "-c", hide], env=env, check=True)


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize(("lock", "platform"), COMBINATIONS)
def test_a_lock_file_can_be_installed_from_wheels(lock: str, platform: str, python: str, tmp_path: Path) -> None:
    uv = shutil.which("uv")
    assert uv
    words = [uv, "pip", "compile", "--only-binary=:all:", f"--python-platform={platform}", f"--python-version={python}"]
    words += ["--no-python-downloads", "--no-header", "--quiet", str(ROOT / lock), "-o", str(tmp_path / "resolved")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if "Failed to fetch" in done.stderr or "error sending request" in done.stderr:
        pytest.skip("no package registry is in reach")
    assert done.returncode == 0, done.stderr
