"""`python -m offline`: build what is missing and say where it is."""

import sys

from offline import plan
from offline.process import end_on_interrupt
from offline.progress import say
from offline.step import CACHE, BuildError


def main() -> int:
    """Build all targets; the exit code is 0 when all of them are there."""
    end_on_interrupt()
    try:
        plan.build_all()
    except BuildError as error:
        say(f"Build failed: {error}\nMend the cause and run it again: what is built is kept.")
        return 1
    except KeyboardInterrupt:
        say("Interrupted. Run it again: what is built is kept.")
        return 130
    say(f"All images and tools are built, in {CACHE} and podman's storage. Next: make up")
    return 0


if __name__ == "__main__":
    sys.exit(main())
