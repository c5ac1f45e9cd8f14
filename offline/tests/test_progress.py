"""The lines that tell what runs."""

import re
import threading
import time
from pathlib import Path

import pytest

from offline import progress


def test_a_step_that_ends_well(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.step("load images"):
        assert capsys.readouterr().out == ""
    assert re.fullmatch(r"  ✓ load images  \d+\.\d s\n", capsys.readouterr().out)


def test_a_step_that_fails_names_its_log(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    with pytest.raises(ZeroDivisionError), progress.step("divide", log):
        raise ZeroDivisionError
    assert re.fullmatch(rf"  ✗ divide  \d+\.\d s  \(log: {re.escape(str(log))}\)\n", capsys.readouterr().out)


def test_a_long_step_says_that_it_still_runs_and_nothing_after_its_end(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "HEARTBEAT", 0.001)
    said = ""
    with progress.step("compile"):
        while said.count("…") < 3:
            time.sleep(0.01)
            said += capsys.readouterr().out
    said += capsys.readouterr().out
    *beats, last = said.splitlines()
    assert all(re.fullmatch(r"  … compile  \d+ s", line) for line in beats)
    assert last.startswith("  ✓ compile")


def test_lines_of_many_threads_stay_whole(capsys: pytest.CaptureFixture[str]) -> None:
    def talk(letter: str) -> None:
        for _ in range(50):
            progress.say(letter * 40)

    threads = [threading.Thread(target=talk, args=(letter,)) for letter in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 200
    assert {len(set(line)) for line in lines} == {1}
