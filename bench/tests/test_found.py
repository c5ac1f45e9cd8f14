"""What is installed on the way is found afterwards."""

from pathlib import Path

import pytest

from parts import found


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(found, "SBIN", tmp_path / "sbin")
    (tmp_path / "sbin").mkdir()
    return tmp_path


@pytest.mark.parametrize("where", [".", "sbin"])
def test_a_server_that_was_installed_since_the_first_look(folder: Path, where: str) -> None:
    assert "mariadbd" in found.missing(mariadb=True)
    program = folder / where / "mariadbd"
    program.write_text("")
    program.chmod(0o755)
    assert "mariadbd" not in found.missing(mariadb=True)
    assert found.mariadbd() == str(program)
