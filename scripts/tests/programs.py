"""Programs that stand in for those that a command calls: they note their words and do what a test says."""

from pathlib import Path


class Programs:
    """A folder for the PATH, with nothing on it but what a test adds.

    :param folder: also where their scripts start, and so can keep files.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    def add(self, name: str, script: str = "") -> None:
        """Add a program; its script is sh's, whose PATH has the usual tools."""
        note = 'echo "${0##*/} $*" >> calls\n'
        program = self.folder / name
        program.write_text(f'#!/bin/sh\ncd "${{0%/*}}"\n{note}PATH=/usr/bin:/bin\n{script}\n')
        program.chmod(0o755)

    def calls(self, name: str = "") -> list[str]:
        """Return the command lines of a program, or of all, in order."""
        notes = self.folder / "calls"
        lines = notes.read_text().splitlines() if notes.exists() else []
        return [line for line in lines if line.startswith(name)]
