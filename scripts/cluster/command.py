"""Run other programs: their output to a log file, or to the caller."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from cluster.failure import Failure
from offline import process
from offline.step import CACHE

Words = Sequence[str | Path]


def log_file(name: str) -> Path:
    """Return the path of a command's log; its folder exists."""
    path = CACHE / "logs" / f"{name}.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def run(
    words: Words,
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
    timeout: float | None = None,
) -> None:
    """Run a program to its end, output appended to the log.

    :param timeout: seconds after which it is ended.
    :raises Failure: it is not installed, did not exit with 0, or took too long.
    """
    command = [str(word) for word in words]
    with log.open("a") as sink:
        sink.write("$ " + " ".join(command) + "\n")
        sink.flush()
        start = sink.tell()
        try:
            environment = {**os.environ, **(env or {})}
            process.run(command, stdin=stdin, timeout=timeout, env=environment, stdout=sink, stderr=subprocess.STDOUT)
        except FileNotFoundError as error:
            raise Failure(f"the program {command[0]} is not there", "Run make up, which gets it") from error
        except subprocess.TimeoutExpired as error:
            raise Failure(f"{_short(command)} took more than {timeout:.0f} s", f"Read {log}") from error
        except subprocess.CalledProcessError as error:
            with log.open(errors="replace") as written:
                written.seek(start)
                tail = "\n    ".join(written.read().strip().splitlines()[-6:])
            raise Failure(f"{_short(command)} ended with {error.returncode}:\n    {tail}", f"Read {log}") from error


def output(words: Words, *, env: Mapping[str, str] | None = None, timeout: float | None = None) -> str | None:
    """Return what a program prints, or None when it fails, is not installed or takes too long."""
    try:
        return subprocess.run(
            [str(word) for word in words],
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=True,
        ).stdout
    except (FileNotFoundError, subprocess.CalledProcessError, subprocess.TimeoutExpired):
        return None


def _short(command: Sequence[str]) -> str:
    return " ".join([Path(command[0]).name, *command[1:3]])
