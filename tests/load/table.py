"""What was found in several rounds, as tables: of each figure the median, and the lowest and highest beside it."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tests.load.outcome import Outcome

COLUMNS: Mapping[str, tuple[str, int]] = {
    "p50": ("median ms", 0),
    "p99": ("99 of 100 ms", 0),
    "latest": ("latest ms", 0),
    "missing": ("missing", 0),
    "doubled": ("doubled", 0),
    "on_time": ("first on time after a kill s", 1),
    "missing_then": ("missing then", 0),
    "doubled_then": ("doubled then", 0),
    "memory": ("memory MiB", 0),
    "most": ("most MiB", 0),
    "rate": ("events/s", 0),
    "cost": ("CPU s per 100,000 events", 1),
    "cores": ("cores while due", 2),
}
"""Of the one table: the name of each figure, its title and its decimals."""


def spread(values: Sequence[float], decimals: int = 0) -> str:
    """Return the median with the lowest and the highest; inf is what never came."""
    if not values:
        return ""
    low, middle, high = (
        "never" if math.isinf(each) else f"{each:,.{decimals}f}"
        for each in (min(values), statistics.median(values), max(values))
    )
    return middle if low == high else f"{middle} ({low} - {high})"


def figures(outcome: Outcome) -> dict[str, float]:
    """Return what the table tells of deadlines that came due."""
    late = {name: outcome.part(share) * 1000 for name, share in (("p50", 0.5), ("p99", 0.99), ("latest", 1.0))}
    return (late if outcome.late else {}) | {"missing": outcome.missing, "doubled": outcome.doubled}


@dataclass
class Table:
    """What every contestant has shown so far.

    Attributes:
        rows: of each contestant its figures, one of each round.
        failures: why there is nothing more of it.

    """

    rows: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)

    def note(self, contestant: str, found: Mapping[str, float]) -> None:
        """Add figures of one round."""
        row = self.rows.setdefault(contestant, {})
        for name, value in found.items():
            row.setdefault(name, []).append(value)

    def fail(self, contestant: str, why: str) -> None:
        """Note that a contestant could not be measured."""
        self.rows.setdefault(contestant, {})
        self.failures[contestant] = why.replace("|", "/")

    def lines(self) -> list[str]:
        """Return the table, one row for each contestant."""
        titles = " | ".join(title for title, _ in COLUMNS.values())
        return [f"| | {titles} |", "|---" * (len(COLUMNS) + 1) + "|", *map(self._line, self.rows)]

    def _line(self, contestant: str) -> str:
        row = self.rows[contestant]
        cells = " | ".join(spread(row.get(name, ()), decimals) for name, (_, decimals) in COLUMNS.items())
        failure = self.failures.get(contestant)
        return f"| {contestant}{f': failed, {failure}' if failure else ''} | {cells} |"
