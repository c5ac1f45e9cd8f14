"""The main rows of a section as bars beside their yardsticks, in SVG."""

from collections.abc import Iterator, Sequence
from html import escape

from bench.report import Row, number

_WIDTH, _LEFT, _LONGEST, _BAR, _ROW = 860, 12, 420, 14, 58
_OURS, _THEIRS = "#2563eb", "#9ca3af"


def drawn(title: str, rows: Sequence[Row]) -> str:
    """The plot. Each row has a scale of its own: the longer of its two bars is as long as that of the others."""
    height = 40 + _ROW * len(rows)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" viewBox="0 0 {_WIDTH} {height}"'
        ' font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="{_LEFT}" y="22" font-size="15" font-weight="bold">{escape(title)}</text>',
    ]
    for index, row in enumerate(rows):
        lines += _bars(row, 40 + _ROW * index)
    return "\n".join([*lines, "</svg>", ""])


def _bars(row: Row, top: int) -> Iterator[str]:
    if row.beside is None:
        raise AssertionError(f"{row.name} has no yardstick to be drawn beside")
    yield f'<text x="{_LEFT}" y="{top + 12}">{escape(row.name)}</text>'
    bars = ((_OURS, row.median, f"Mandates, {row.ratio:.2f} x"), (_THEIRS, row.beside.median, row.beside.name))
    longest = max(row.median, row.beside.median)
    for place, (colour, value, name) in enumerate(bars):
        y, width = top + 18 + place * (_BAR + 2), _LONGEST * value / longest
        yield f'<rect x="{_LEFT}" y="{y}" width="{width:.1f}" height="{_BAR}" fill="{colour}"/>'
        text = f"{number(value)} {row.unit}: {name}"
        yield f'<text x="{_LEFT + width + 6:.1f}" y="{y + 11}" fill="#374151">{escape(text)}</text>'
