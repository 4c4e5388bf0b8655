"""The table of figures: medians with their spread, and failures."""

import math

from tests.load.comparison_table import ComparisonTable, deadline_figures, spread
from tests.load.deadline_statistics import DeadlineStatistics


def test_a_figure_is_a_median_with_minimum_and_maximum() -> None:
    assert spread([3.0, 1.0, 2.0]) == "2 (1 - 3)"
    assert spread([1234.5], 1) == "1,234.5"
    assert spread([0, 0, 0]) == "0"
    assert spread([0, 0, 7]) == "0 (0 - 7)"
    assert spread([2.0, math.inf], 1) == "never (2.0 - never)"
    assert spread([]) == ""


def test_deadlines_without_events_have_no_lateness() -> None:
    assert deadline_figures(DeadlineStatistics(missing=3)) == {"missing": 3, "doubled": 0}


def test_a_failure_is_printed_in_its_row() -> None:
    table = ComparisonTable()
    table.add("one", {"rate": 1000.0, "missing": 0})
    table.fail("other", "no output | within 120 s")
    assert table.lines()[2] == "| one |  |  |  | 0 |  |  |  |  |  |  | 1,000 |  |  |"
    assert table.lines()[3].startswith("| other: failed, no output / within 120 s | ")
