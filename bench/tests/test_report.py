"""The report: ratios to yardsticks that were measured in turns."""

from xml.etree import ElementTree

from bench import plot
from bench.report import Row, Section, Yardstick, rendered

SLOW_HOUR = Row("p50", [10, 20, 10], "ms", Yardstick("a bare chain", [8, 16, 9]), most=1.2, lab="7.0 ms")
MEMORY = Row("memory", [70.0], "MB", most=80)


def test_a_slow_hour_leaves_the_ratio_as_it_is() -> None:
    assert SLOW_HOUR.ratio == 1.25
    assert not SLOW_HOUR.reached


def test_what_is_asked_for_is_a_ratio_where_there_is_a_yardstick() -> None:
    cells = ["p50", "10.0 ms", "10.0 to 20.0", "a bare chain", "9.00 ms", "1.25", "≤ 1.2 ✗", "7.0 ms"]
    assert SLOW_HOUR.cells() == cells
    assert MEMORY.cells() == ["memory", "70.0 MB", "", "", "", "", "≤ 80 ✓", ""]


def test_an_aim_is_told_and_not_asked_for() -> None:
    row = Row("rebuild", [30], "/s", Yardstick("loop", [100]), least=0.25, aim=0.5)
    assert row.cells()[6] == "≥ 0.25 (aim: 0.5) ✓"


def test_a_section_with_main_rows_shows_its_plot() -> None:
    sections = [Section("change", "A change", [SLOW_HOUR, MEMORY], "Remark."), Section("idle", "Idle", [MEMORY], "")]
    report = rendered(sections, "plots")
    assert "![A change](plots/change.svg)" in report
    assert "idle.svg" not in report


def test_a_plot_shows_each_row_beside_its_yardstick_whatever_the_others_have() -> None:
    rows = [SLOW_HOUR, Row("<p99>", [20], "ms", Yardstick("a bare chain", [40]), most=1.2)]
    drawn = ElementTree.fromstring(plot.drawn("A & B", rows))  # noqa: S314  made here
    bars = [float(bar.attrib["width"]) for bar in drawn.iter("{http://www.w3.org/2000/svg}rect") if "x" in bar.attrib]
    assert bars == [420, 378, 210, 420]
