"""Programs run to their end, unless this process is interrupted: then they are ended too.

A terminal's Ctrl-C reaches all of them, but `kill -INT`, as a CI system sends it, only this process. Its main
thread then waits for the others, and those wait for their programs, which may take minutes.
"""

import signal
import subprocess
from types import FrameType
from typing import Any

_running: set[subprocess.Popen[Any]] = set()


def run(words: list[str], *, stdin: str | None = None, timeout: float | None = None, **options: Any) -> None:
    """Run a program; `options` are those of `subprocess.Popen`.

    :param stdin: text for its standard input, which is empty otherwise.
    :param timeout: seconds after which it is ended.
    :raises FileNotFoundError: it is not installed.
    :raises subprocess.TimeoutExpired: it took too long.
    :raises subprocess.CalledProcessError: it did not exit with 0.
    """
    source = subprocess.DEVNULL if stdin is None else subprocess.PIPE
    with subprocess.Popen(words, stdin=source, text=True, **options) as child:
        _running.add(child)
        try:
            child.communicate(stdin, timeout)
        except BaseException:
            child.terminate()
            child.wait()
            raise
        finally:
            _running.discard(child)
    if child.returncode != 0:
        raise subprocess.CalledProcessError(child.returncode, words)


def end_on_interrupt() -> None:
    """End all programs that run when this process gets SIGINT, and only then raise KeyboardInterrupt."""
    signal.signal(signal.SIGINT, _interrupt)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    for child in list(_running):
        child.terminate()
    raise KeyboardInterrupt
