"""Text in columns."""

from collections.abc import Sequence

Row = Sequence[object]


def table(head: Row, rows: Sequence[Row]) -> str:
    """Return rows under their head, each column as wide as its widest cell."""
    cells = [[str(cell) for cell in row] for row in (head, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in cells)
