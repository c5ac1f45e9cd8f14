"""Make a Python environment with the packages of a lock file. `scripts/mandates` runs it, before there is any."""

import fcntl
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path


def make(folder: Path, lock: Path) -> None:
    """Make the environment, unless it is there; of two runs that begin together, one waits for the other.

    :raises SystemExit: it cannot be made; the text says why and what to do.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / "lock").open("w") as alone:
        fcntl.flock(alone, fcntl.LOCK_EX)
        ready = folder / "ready"
        if ready.exists():
            return
        _say(f"Making a Python environment with {lock.name} (once) ...")
        start = time.monotonic()
        _venv(folder)
        pip = [str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
        safe = ["--require-hashes", "--only-binary", ":all:"]
        if subprocess.run([*pip, *safe, "--requirement", str(lock)], check=False).returncode != 0:
            sys.exit(f"mandates: the packages of {lock} could not be installed (see above). Run it again.")
        ready.touch()
        _say(f"  ✓ Python environment  {time.monotonic() - start:.0f} s")


def _venv(folder: Path) -> None:
    def made() -> bool:
        words = [sys.executable, "-m", "venv", "--clear", str(folder)]
        return subprocess.run(words, capture_output=True, check=False).returncode == 0

    if made():
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run(["apt-get", "install", "--yes", "--quiet", "python3-venv"], capture_output=True, check=False)
    if not made():
        sys.exit("mandates: python3 cannot make environments. Install the package python3-venv.")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    make(Path(sys.argv[1]), Path(sys.argv[2]))
