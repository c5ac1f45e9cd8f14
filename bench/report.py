"""What was measured, as a table beside its yardsticks and what is asked for."""

import os
import platform
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from offline.versions import version


@dataclass(frozen=True, slots=True)
class Yardstick:
    """The least that it could be: what it is, and a measurement of it next to each of the row's, in its unit."""

    name: str
    values: Sequence[float]

    @property
    def median(self) -> float:
        """What counts."""
        return statistics.median(self.values)


@dataclass(frozen=True, slots=True)
class Row:
    """One quantity: every measurement of it, in `unit`, and of its yardstick if it has one.

    `least` and `most` are what is asked for, and `aim` what is hoped for: of the ratio to the yardstick,
    which a slow hour leaves as it is, or of the quantity where it has none. `lab` is what the lab's own
    services had, on another day.
    """

    name: str
    values: Sequence[float]
    unit: str
    beside: Yardstick | None = None
    least: float | None = None
    most: float | None = None
    aim: float | None = None
    lab: str = ""

    @property
    def median(self) -> float:
        """What counts."""
        return statistics.median(self.values)

    @property
    def ratio(self) -> float | None:
        """How often the yardstick goes into it: the median of what was measured in turns."""
        if self.beside is None:
            return None
        return statistics.median(mine / its for mine, its in zip(self.values, self.beside.values, strict=True))

    @property
    def reached(self) -> bool:
        """Whether it is as asked for."""
        judged = self.median if self.ratio is None else self.ratio
        return (self.least or judged) <= judged <= (self.most or judged)

    @property
    def main(self) -> bool:
        """Whether it is drawn: something is asked of its ratio."""
        return self.beside is not None and bool(self.least or self.most)

    def cells(self) -> list[str]:
        """Its line of the table."""
        spread = f"{number(min(self.values))} to {number(max(self.values))}" if len(self.values) > 1 else ""
        beside = [self.beside.name, f"{number(self.beside.median)} {self.unit}"] if self.beside else ["", ""]
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}"
        return [self.name, f"{number(self.median)} {self.unit}", spread, *beside, ratio, self._asked(), self.lab]

    def _asked(self) -> str:
        bound = f"≥ {self.least:g}" if self.least else f"≤ {self.most:g}" if self.most else ""
        aim = f" (aim: {self.aim:g})" if self.aim else ""
        return f"{bound}{aim} {'✓' if self.reached else '✗'}" if bound else ""


@dataclass(frozen=True, slots=True)
class Subject:
    """Some rows that are measured together; `measure` gets an empty folder."""

    title: str
    measure: Callable[[Path], Iterable[Row]]


@dataclass(frozen=True, slots=True)
class Section:
    """What was measured of a subject, by its short name, and a remark."""

    name: str
    title: str
    rows: Sequence[Row]
    remark: str

    @property
    def main(self) -> list[Row]:
        """The rows that are drawn."""
        return [row for row in self.rows if row.main]


_COLUMNS = ("", "median", "all", "yardstick", "its median", "ratio", "asked for", "the lab, another day")


def rendered(sections: Sequence[Section], plots: str) -> str:
    """The report in Markdown; the folder `plots` has a plot NAME.svg of each section with main rows."""
    lines = ["# Measured", "", machine(), ""]
    for section in sections:
        lines += [f"## {section.title}", "", _line(_COLUMNS), "|---" * len(_COLUMNS) + "|"]
        lines += [_line(row.cells()) for row in section.rows]
        lines += ["", section.remark, ""]
        lines += [f"![{section.title}]({plots}/{section.name}.svg)", ""] if section.main else []
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def machine() -> str:
    """Where and with what it was measured, in one paragraph."""
    cpu = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        platform.machine(),
    )
    gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores of {cpu}, {gib:.0f} GiB, Linux {platform.release()}, "
        f"Python {platform.python_version()}, Dapr {version('platform', 'dapr')}, Kafka {version('platform', 'kafka')} "
        f"(one broker). All of it runs on these cores at the same time, what makes the load too. "
        f"Load average before: {_load_before[0]:.1f}."
    )


_load_before = os.getloadavg()


def number(value: float) -> str:
    """As it is shown: three digits or more."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
