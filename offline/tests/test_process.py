"""Programs end well, badly, late, or with the process that started them."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from offline import process
from offline.versions import ROOT


def test_its_input_and_output(tmp_path: Path) -> None:
    with (tmp_path / "out").open("w") as out:
        process.run(["cat"], stdin="hello", stdout=out)
        process.run(["cat"], stdout=out)
    assert (tmp_path / "out").read_text() == "hello"


def test_its_exit_code() -> None:
    with pytest.raises(subprocess.CalledProcessError) as raised:
        process.run(["sh", "-c", "exit 7"])
    assert raised.value.returncode == 7


def test_one_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        process.run(["sh", "-c", "echo $$ > pid; exec sleep 60"], cwd=tmp_path, timeout=0.5)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_kill_int_on_this_process_alone_ends_what_all_its_threads_run(tmp_path: Path) -> None:
    """A build that computes for minutes must not outlive, or hold up, the run that was told to stop."""
    program = textwrap.dedent("""
        from offline.process import end_on_interrupt
        from offline.scheduler import build
        from offline.step import Step

        end_on_interrupt()
        steps = [Step(name, lambda run: run("sh", "-c", "mkfifo $$; exec cat $$"), settings=[name]) for name in "ab"]
        try:
            build(steps, workers=2)
        except KeyboardInterrupt:
            print([step.done() for step in steps])
    """)
    run = subprocess.Popen(
        [sys.executable, "-c", program],
        env={**os.environ, "MANDATES_CACHE": str(tmp_path), "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while len([path for path in tmp_path.iterdir() if path.is_fifo()]) < 2:
        assert run.poll() is None
        time.sleep(0.01)
    run.send_signal(signal.SIGINT)
    said, _ = run.communicate(timeout=20)
    assert said.splitlines()[-1] == "[False, False]"
    assert said.count("✗") == 2
