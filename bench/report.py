"""What was measured, as a table beside what is asked for."""

import os
import platform
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from offline.versions import version


@dataclass(frozen=True, slots=True)
class Row:
    """One quantity: every measurement of it, in `unit`.

    `least` and `most` are what is asked for; `lab` is what the lab's own services had.
    """

    name: str
    values: Sequence[float]
    unit: str
    least: float | None = None
    most: float | None = None
    lab: str = ""

    @property
    def median(self) -> float:
        """What counts."""
        return statistics.median(self.values)

    @property
    def reached(self) -> bool:
        """Whether it is as asked for."""
        return (self.least or self.median) <= self.median <= (self.most or self.median)

    def cells(self) -> list[str]:
        """Its line of the table."""
        bound = f"≥ {self.least:,.0f}" if self.least else f"< {self.most:,.0f}" if self.most else ""
        spread = f"{_number(min(self.values))} to {_number(max(self.values))}" if len(self.values) > 1 else ""
        asked = f"{bound} {'✓' if self.reached else '✗'}" if bound else ""
        return [self.name, f"{_number(self.median)} {self.unit}", spread, asked, self.lab]


@dataclass(frozen=True, slots=True)
class Subject:
    """Some rows that are measured together; `measure` gets an empty folder."""

    title: str
    measure: Callable[[Path], Iterable[Row]]


def rendered(sections: Sequence[tuple[str, Sequence[Row], str]]) -> str:
    """The report in Markdown: of each section the title, the rows and a remark."""
    lines = ["# Measured", "", machine(), ""]
    for title, rows, remark in sections:
        lines += [f"## {title}", "", "| | median | all | asked for | the lab |", "|---|---|---|---|---|"]
        lines += [f"| {' | '.join(row.cells())} |" for row in rows]
        lines += ["", remark, ""]
    return "\n".join(lines)


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


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"
