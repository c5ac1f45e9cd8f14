"""Run other programs: their output to a log file, or to the caller."""

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from cluster.failure import Failure
from offline import process
from offline.step import CACHE

Words = Sequence[str | Path]

_ERROR = re.compile(
    r"\b(error|errors occurred|failed|failure|fatal|panic|denied|refused|cannot|unable to|timed out|no space left"
    r"|not found|unauthorized|toomanyrequests)\b|^E: ",
    re.IGNORECASE,
)
# Of Go, Java and Python.
_TRACE = re.compile(r"\s+(at |/\S+:\d+|File \")|goroutine \d+ |\S+/\S+\.\S+\(?$")


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
                told = "\n    ".join(errors_in(written.read()))
            raise Failure(f"{_short(command)} ended with {error.returncode}:\n    {told}", f"Read {log}") from error


def errors_in(text: str, at_most: int = 6) -> list[str]:
    """Return the lines of a program's output that tell of an error; its last ones where none does.

    A stack trace tells whoever wrote the program; the line before it tells who runs it.
    """
    lines = [line.rstrip() for line in text.strip().splitlines() if line.strip()]
    told = [line for line in lines if _ERROR.search(line) and not _TRACE.match(line)]
    # Progress that is told again and again would leave no room for anything else.
    return list(dict.fromkeys(told))[-at_most:] or lines[-at_most:]


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
