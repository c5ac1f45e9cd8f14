"""A PATH with only what a test puts there, and a cache folder of the tests' own."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from .programs import Programs

SCRATCH = Path(tempfile.gettempdir()) / f"mandates-tests-{os.getpid()}"


def pytest_configure() -> None:
    # Read when the modules under test are imported.
    os.environ["MANDATES_CACHE"] = str(SCRATCH)


def pytest_unconfigure() -> None:
    shutil.rmtree(SCRATCH, ignore_errors=True)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    there = Programs(tmp_path / "bin")
    monkeypatch.setenv("PATH", str(there.folder))
    return there
