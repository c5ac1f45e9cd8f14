"""A build step: its inputs give a key, the key names its output, an output that exists is never rebuilt."""

import hashlib
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from offline.process import run

KEPT = 3 * 24 * 60 * 60.0
"""Seconds for which an output that nobody asks for is kept once a newer one is there: another checkout may use it."""

CACHE = Path(os.environ.get("MANDATES_CACHE", Path.home() / ".cache" / "mandates"))


class BuildError(Exception):
    """A step failed; the message says which, and where its log is."""


@dataclass(frozen=True)
class Run:
    """What a step's recipe works with: its folders, its log, and a way to run programs into that log."""

    name: str
    out: Path
    log: Path
    inputs: Mapping[str, Path]

    def __call__(self, *command: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> None:
        """Run a program; its output goes to the step's log.

        :raises BuildError: it could not be started or did not exit with 0.
        """
        words = [str(word) for word in command]
        with self.log.open("a") as log:
            log.write("$ " + " ".join(words) + "\n")
            log.flush()
            try:
                environment = {**os.environ, **(env or {})}
                run(words, cwd=cwd, env=environment, stdout=log, stderr=subprocess.STDOUT)
            except FileNotFoundError as error:
                raise BuildError(f"{self.name}: the program {words[0]} is not installed") from error
            except subprocess.CalledProcessError as error:
                tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-8:])
                raise BuildError(
                    f"{self.name}: {words[0]} ended with {error.returncode}; last lines of {self.log}:\n{tail}"
                ) from error


@dataclass(frozen=True, eq=False)
class Step:
    """One thing to build.

    :param name: unique; names its folder in the cache and its log.
    :param recipe: makes the output in the folder `Run.out`, which is empty at the start.
    :param files: files and folders whose content decides whether the output is still right.
    :param settings: words (versions, flags) that decide it too.
    :param needs: steps whose outputs the recipe reads.
    :param present: asks whether an output outside the cache folder (an image) is still there.
    """

    name: str
    recipe: Callable[[Run], None]
    files: Sequence[Path] = ()
    settings: Sequence[str] = ()
    needs: Sequence["Step"] = ()
    present: Callable[["Step"], bool] = lambda _: True

    @cached_property
    def key(self) -> str:
        """Hash of all that the output depends on, needed steps included."""
        digest = hashlib.sha256(self.name.encode())
        for root in self.files:
            for path in sorted(root.rglob("*") if root.is_dir() else [root]):
                if path.is_file() and "__pycache__" not in path.parts:
                    digest.update(str(path.relative_to(root.parent)).encode() + b"\0")
                    digest.update(hashlib.sha256(path.read_bytes()).digest())
                    digest.update(b"x" if os.access(path, os.X_OK) else b"-")
        for word in [*self.settings, *(need.key for need in self.needs)]:
            digest.update(word.encode() + b"\0")
        return digest.hexdigest()[:16]

    @property
    def out(self) -> Path:
        """Folder of the output; it exists only when the step has ended well."""
        return CACHE / "steps" / self.name / self.key

    @property
    def log(self) -> Path:
        """Log of the newest run."""
        return CACHE / "logs" / f"{self.name}.log"

    def done(self) -> bool:
        """Tell whether the output for these inputs is there; who asks is going to use it."""
        if there := self.out.is_dir() and self.present(self):
            os.utime(self.out)
        return there

    def run(self) -> None:
        """Build the output; older ones of the step that nobody uses any more are removed once the new one is there.

        :raises BuildError: the recipe failed; what it left is removed at the next run.
        """
        half_done = self.out.with_suffix(".part")
        for stale in (half_done, self.out):
            shutil.rmtree(stale, ignore_errors=True)
        half_done.mkdir(parents=True)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.log.unlink(missing_ok=True)
        self.recipe(Run(self.name, half_done, self.log, {need.name: need.out for need in self.needs}))
        half_done.rename(self.out)
        for other in self.out.parent.iterdir():
            if time.time() - other.stat().st_mtime > KEPT:
                shutil.rmtree(other, ignore_errors=True)
