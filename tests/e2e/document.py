"""What a document of the project tells its reader to type, and what it says will be answered."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Step:
    """A command, and what it is said to answer: a text in which `...` stands for anything."""

    command: str
    answer: str | None

    def answered_by(self, said: str) -> bool:
        """Whether the answer is somewhere in what was said."""
        at = 0
        for piece in (self.answer or "").strip().split("..."):
            # Where it begins soonest there is most room for those after it: nothing else need be tried.
            found = said.find(piece, at)
            if found < 0:
                return False
            at = found + len(piece)
        return True


def steps(document: Path, section: str = "") -> Iterator[Step]:
    """The lines of the blocks of a section, or of the whole document, without their comments.

    A block of kind `text` is what the last command before it answers.
    """
    text = document.read_text()
    if section:
        heading = re.search(rf"^(##+) {re.escape(section)}$", text, re.MULTILINE)
        assert heading, f"{document.name} has no section {section}"
        text = text[heading.end() :]
        if following := re.search(rf"^#{{2,{len(heading[1])}}} ", text, re.MULTILINE):
            text = text[: following.start()]
    last: str | None = None
    for kind, block in _BLOCK.findall(text):
        if kind == "text":
            assert last, f"{document.name} answers nothing with {block}"
            yield Step(last, block)
            last = None
        elif not kind:
            for line in block.splitlines():
                if last:
                    yield Step(last, None)
                last = line.partition(" # ")[0].strip()
    if last:
        yield Step(last, None)
