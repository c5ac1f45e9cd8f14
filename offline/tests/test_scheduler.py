"""What is run, in which order, how much of it at once, and what happens when one of it fails."""

import threading
import time
from concurrent.futures import wait
from pathlib import Path
from typing import Any

import pytest

from offline import scheduler
from offline.lock import alone
from offline.scheduler import build, missing
from offline.step import BuildError, Run, Step

WAIT = 10


class Diary:
    """Steps that write down when they start."""

    def __init__(self) -> None:
        self.started: list[str] = []

    def step(self, name: str, *needs: Step) -> Step:
        return Step(name, lambda run: self.started.append(run.name), needs=needs)


@pytest.fixture
def diary() -> Diary:
    return Diary()


def test_what_is_needed_comes_first(diary: Diary) -> None:
    bottom = diary.step("bottom")
    left, right = diary.step("left", bottom), diary.step("right", bottom)
    top = diary.step("top", left, right)
    build([top], workers=2)
    assert diary.started[0] == "bottom"
    assert diary.started[-1] == "top"
    assert sorted(diary.started) == ["bottom", "left", "right", "top"]


def test_what_is_built_is_not_built_again(diary: Diary, capsys: pytest.CaptureFixture[str]) -> None:
    top = diary.step("top", diary.step("bottom"))
    build([top], workers=2)
    capsys.readouterr()
    build([top], workers=2)
    assert diary.started == ["bottom", "top"]
    assert capsys.readouterr().out == ""


def test_what_a_finished_step_was_made_from_is_not_looked_at(diary: Diary) -> None:
    def forbidden(_: Step) -> bool:
        raise AssertionError("looked at")

    below = Step("below", lambda _: None, present=forbidden)
    middle = diary.step("middle", below)
    middle.run()
    below.out.mkdir(parents=True)
    top = diary.step("top", middle)
    assert missing([top]) == {top: set()}


def test_no_more_run_side_by_side_than_workers_and_as_many_as_can() -> None:
    together = threading.Barrier(3)
    running, most = set[str](), list[int]()
    guard = threading.Lock()

    def recipe(run: Run) -> None:
        with guard:
            running.add(run.name)
            most.append(len(running))
        # Breaks, and fails the test, unless three are here at once.
        together.wait(WAIT)
        with guard:
            running.remove(run.name)

    build([Step(f"step-{i}", recipe) for i in range(6)], workers=3)
    assert max(most) == 3


def test_after_a_failure_nothing_starts_and_what_runs_is_finished(
    diary: Diary, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = threading.Event()

    def waited(*futures: Any, **options: Any) -> Any:
        finished, running = wait(*futures, **options)
        if any(future.exception() for future in finished):
            known.set()
        return finished, running

    monkeypatch.setattr(scheduler, "wait", waited)

    def fail(_: Run) -> None:
        raise BuildError("bad: no")

    def slow(run: Run) -> None:
        # Before the failure is known to who starts steps, the end of this one would start another.
        assert known.wait(WAIT)
        (run.out / "result").touch()

    bad, good = Step("bad", fail), Step("good", slow)
    more = [diary.step(f"more-{i}") for i in range(3)]
    with pytest.raises(BuildError, match="bad: no"):
        build([bad, good, *more, diary.step("above", bad)], workers=2)
    assert good.done()
    assert diary.started == []


def test_the_next_run_goes_on_from_there(diary: Diary) -> None:
    bottom = diary.step("bottom")
    with pytest.raises(BuildError):
        build([Step("top", lambda run: run("false"), needs=[bottom])], workers=1)
    build([diary.step("top", bottom)], workers=1)
    assert diary.started == ["bottom", "top"]


def test_it_shows_each_step_and_how_long_it_took(diary: Diary, capsys: pytest.CaptureFixture[str]) -> None:
    build([diary.step("top", diary.step("bottom"))], workers=1)
    first, *ticks, last = capsys.readouterr().out.splitlines()
    assert first.startswith("Building 2 parts.")
    assert [line.split()[:2] for line in ticks] == [["✓", "bottom"], ["✓", "top"]]
    assert last == "Built in 0 s"


def test_two_runs_do_not_build_at_once(cache: Path, diary: Diary, capsys: pytest.CaptureFixture[str]) -> None:
    mine = threading.Thread(target=build, args=([diary.step("one")], 1))
    with alone(cache / "lock"):
        mine.start()
        said = ""
        while "waiting for its end" not in said:
            assert mine.is_alive()
            time.sleep(0.01)
            said += capsys.readouterr().out
        assert diary.started == []
    mine.join(WAIT)
    assert diary.started == ["one"]
