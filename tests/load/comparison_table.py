"""Collects figures of several rounds and prints them as a table: median, with minimum and maximum."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tests.load.deadline_statistics import DeadlineStatistics

COLUMNS: Mapping[str, tuple[str, int]] = {
    "p50": ("median ms", 0),
    "p99": ("p99 ms", 0),
    "max": ("max ms", 0),
    "missing": ("missing", 0),
    "doubled": ("doubled", 0),
    "recovery": ("first on time after a kill s", 1),
    "missing_after_kill": ("missing after a kill", 0),
    "doubled_after_kill": ("doubled after a kill", 0),
    "memory": ("memory MiB", 0),
    "memory_peak": ("peak MiB", 0),
    "rate": ("events/s", 0),
    "cpu_cost": ("CPU s per 100,000 events", 1),
    "cores": ("cores while due", 2),
}
"""Columns of the table: title and decimals by the name of the figure."""


def spread(values: Sequence[float], decimals: int = 0) -> str:
    """Return the median with minimum and maximum; inf is printed as never."""
    if not values:
        return ""
    low, middle, high = (
        "never" if math.isinf(value) else f"{value:,.{decimals}f}"
        for value in (min(values), statistics.median(values), max(values))
    )
    return middle if low == high else f"{middle} ({low} - {high})"


def deadline_figures(deadlines: DeadlineStatistics) -> dict[str, float]:
    """Return the figures of the table about deadlines; without events there is no lateness."""
    shares = {"p50": 0.5, "p99": 0.99, "max": 1.0}
    lateness = {name: deadlines.percentile(share) * 1000 for name, share in shares.items()}
    errors = {"missing": deadlines.missing, "doubled": deadlines.doubled}
    return (lateness if deadlines.lateness else {}) | errors


@dataclass
class ComparisonTable:
    """Figures of all contestants so far.

    Attributes:
        rows: figures by contestant and name, one value for each round.
        failures: why a contestant could not be measured, by contestant.

    """

    rows: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)

    def add(self, contestant: str, figures: Mapping[str, float]) -> None:
        """Add a contestant's figures of one round."""
        row = self.rows.setdefault(contestant, {})
        for name, value in figures.items():
            row.setdefault(name, []).append(value)

    def fail(self, contestant: str, reason: str) -> None:
        """Record that a contestant could not be measured."""
        self.rows.setdefault(contestant, {})
        self.failures[contestant] = reason.replace("|", "/")

    def lines(self) -> list[str]:
        """Return the lines of the Markdown table, one row for each contestant."""
        titles = " | ".join(title for title, _ in COLUMNS.values())
        return [f"| | {titles} |", "|---" * (len(COLUMNS) + 1) + "|", *map(self._line, self.rows)]

    def _line(self, contestant: str) -> str:
        row = self.rows[contestant]
        cells = " | ".join(spread(row.get(name, ()), decimals) for name, (_, decimals) in COLUMNS.items())
        failure = self.failures.get(contestant)
        return f"| {contestant}{f': failed, {failure}' if failure else ''} | {cells} |"
