"""A cache folder that is empty at each test's start."""

from pathlib import Path

import pytest

from offline import engine, step


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    for module in (step, engine):
        monkeypatch.setattr(module, "CACHE", folder)
    return folder
