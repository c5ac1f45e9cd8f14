"""What a step's key depends on, and what a step leaves behind, however it ends."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from offline.step import KEPT, BuildError, Run, Step


def nothing(_: Run) -> None:
    pass


def write(text: str) -> Callable[[Run], None]:
    def recipe(run: Run) -> None:
        (run.out / "result").write_text(text)

    return recipe


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.txt").write_text("a")
    (folder / "deep" / "b.sh").write_text("b")
    return folder


def key(source: Path, *settings: str, needs: tuple[Step, ...] = ()) -> str:
    return Step("one", nothing, files=[source], settings=settings, needs=needs).key


def test_equal_inputs_have_equal_keys(source: Path) -> None:
    assert key(source, "v1") == key(source, "v1")


def test_content_changes_the_key(source: Path) -> None:
    before = key(source)
    (source / "deep" / "b.sh").write_text("c")
    assert key(source) != before


def test_a_files_name_changes_the_key(source: Path) -> None:
    before = key(source)
    (source / "a.txt").rename(source / "b.txt")
    assert key(source) != before


def test_the_executable_bit_changes_the_key(source: Path) -> None:
    before = key(source)
    (source / "deep" / "b.sh").chmod(0o755)
    assert key(source) != before


def test_settings_change_the_key_also_where_words_only_move(source: Path) -> None:
    assert len({key(source), key(source, "ab"), key(source, "a", "b"), key(source, "b", "a")}) == 4


def test_a_needed_steps_inputs_change_the_key(source: Path) -> None:
    old, new = (Step("below", nothing, settings=[version]) for version in ("1", "2"))
    assert key(source, needs=(old,)) != key(source, needs=(new,))


def test_the_order_in_which_files_were_made_does_not(source: Path, tmp_path: Path) -> None:
    twin = tmp_path / "twin" / "source"
    (twin / "deep").mkdir(parents=True)
    (twin / "deep" / "b.sh").write_text("b")
    (twin / "a.txt").write_text("a")
    assert key(twin) == key(source)


def test_nor_does_what_python_compiled(source: Path) -> None:
    before = key(source)
    (source / "__pycache__").mkdir()
    (source / "__pycache__" / "a.pyc").write_text("x")
    assert key(source) == before


def test_an_interrupted_step_leaves_no_output_and_the_next_run_starts_from_nothing() -> None:
    def interrupted(run: Run) -> None:
        (run.out / "half").write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Step("one", interrupted).run()
    again = Step("one", write("whole"))
    assert not again.done()
    again.run()
    assert again.done()
    assert [path.name for path in again.out.iterdir()] == ["result"]


def test_what_an_older_run_logged_is_gone() -> None:
    Step("one", lambda run: run("echo", "first")).run()
    second = Step("one", lambda run: run("echo", "second"), settings=["2"])
    second.run()
    assert second.log.read_text() == "$ echo second\nsecond\n"


def test_older_outputs_that_nobody_uses_are_removed_once_the_new_one_is_there() -> None:
    unused, used, new = (Step("one", write(version), settings=[version]) for version in ("1", "2", "3"))
    unused.run()
    used.run()
    long_ago = time.time() - KEPT - 1
    for one in (unused, used):
        os.utime(one.out, (long_ago, long_ago))
    assert used.done()

    def look_back(run: Run) -> None:
        assert unused.out.is_dir()
        write("3")(run)

    Step("one", look_back, settings=["3"]).run()
    assert new.done()
    assert {*new.out.parent.iterdir()} == {new.out, used.out}


def test_a_failed_step_keeps_the_older_output() -> None:
    old = Step("one", write("1"), settings=["1"])
    old.run()
    with pytest.raises(BuildError):
        Step("one", lambda run: run("false"), settings=["2"]).run()
    assert old.done()


def test_a_failure_names_the_log_and_its_last_lines() -> None:
    step = Step("one", lambda run: run("sh", "-c", "seq 20; echo wrong >&2; exit 3"))
    with pytest.raises(BuildError) as raised:
        step.run()
    expected = "\n".join([*map(str, range(14, 21)), "wrong"])
    assert str(raised.value) == f"one: sh ended with 3; last lines of {step.log}:\n{expected}"


def test_a_program_that_is_not_there_is_named() -> None:
    with pytest.raises(BuildError, match=r"^one: the program no-such-program is not installed$"):
        Step("one", lambda run: run("no-such-program")).run()


def test_an_image_that_somebody_removed_is_built_again() -> None:
    there = {"image"}
    step = Step("one", nothing, present=lambda _: "image" in there)
    step.run()
    assert step.done()
    there.clear()
    assert not step.done()


def test_a_recipe_finds_what_it_needs_and_its_variables() -> None:
    below = Step("below", write("from below"))
    below.run()
    above = Step(
        "above",
        lambda run: run("sh", "-c", 'cp "$FROM/result" .', cwd=run.out, env={"FROM": str(run.inputs["below"])}),
        needs=[below],
    )
    above.run()
    assert (above.out / "result").read_text() == "from below"
