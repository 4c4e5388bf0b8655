"""Figures over periods as rows: each with its counts, its target, and the change against the period before (R6)."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.domain.kpi.cases import Case
from services.domain.kpi.catalogue import DIMENSIONS, KPIS, Kpi, compute_cells
from services.domain.kpi.formulas import KpiValue
from services.domain.kpi.periods import Period
from services.shared.runtime.errors import DubanError

STAGED = frozenset({"flow_timeliness", "mean_delay", "escalated_timeliness"})
"""Figures that can be cut by stage too."""


@dataclass(frozen=True, slots=True)
class ReportRow:
    """One figure in one cell of one period."""

    period: str
    figure: Kpi
    cell: tuple[str, ...]
    now: KpiValue
    before: KpiValue | None

    @property
    def value(self) -> float | None:
        """The figure; None when nothing was counted, or the period is too short for it."""
        return self.now.value

    @property
    def change(self) -> float | None:
        """The value minus that of the period before."""
        if self.value is None or self.before is None or self.before.value is None:
            return None
        return self.value - self.before.value


def header(by: Sequence[str]) -> list[str]:
    """Return the titles of the columns."""
    return ["period", "figure", "名称", *by, "value", "unit", "numerator", "denominator", "change", "target", "source"]


def cells_of(row: ReportRow) -> list[str | float | int | None]:
    """Return a row as columns."""
    figure = row.figure
    return [
        row.period,
        figure.name,
        figure.zh,
        *row.cell,
        _rounded(row.value),
        figure.unit,
        _rounded(row.now.numerator),
        row.now.denominator,
        _rounded(row.change),
        figure.target,
        figure.source,
    ]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def chosen(names: Sequence[str], by: Sequence[str]) -> list[Kpi]:
    """Return the figures to report, with what is always shown beside them.

    Raises:
        DubanError: there is no such figure or dimension, or a figure cannot be cut so.

    """
    unknown = [name for name in names if name not in KPIS]
    if unknown:
        raise DubanError(f"there is no figure {unknown[0]!r}: choose of {', '.join(KPIS)}")
    wrong = [name for name in by if name not in (*DIMENSIONS, "stage")]
    if wrong:
        raise DubanError(f"there is no dimension {wrong[0]!r}: choose of {', '.join((*DIMENSIONS, 'stage'))}")
    beside = [other for name in names if (other := KPIS[name].companion) is not None]
    found = [KPIS[name] for name in dict.fromkeys([*names, *beside]) or KPIS]
    if "stage" in by:
        if names and (whole := [name for name in names if name not in STAGED]):
            raise DubanError(f"{whole[0]} is about whole tickets: by stage there are {', '.join(sorted(STAGED))}")
        found = [each for each in found if each.name in STAGED]
    return found


def rows(
    figures: Iterable[Kpi], periods: Sequence[Period], cases: Sequence[Case], *, by: Sequence[str], users: int
) -> Iterator[ReportRow]:
    """Return every figure in every cell of every period.

    Args:
        figures: which.
        periods: over which; a ticket belongs to the period in which it was accepted.
        cases: of these periods and of the one before each.
        by: dimensions to cut by.
        users: users of the business; 0: rates over users have no value.

    """
    for period in periods:
        mine, earlier = _within(cases, period), _within(cases, period.previous)
        for figure in figures:
            before = compute_cells(figure, earlier, by, users)
            short = period.comparable_length < figure.min_length
            for cell, value in compute_cells(figure, mine, by, users).items():
                # In a period that is too short for the figure only what it rests on is shown (R6.6).
                shown = KpiValue(value.numerator, 0) if short else value
                yield ReportRow(period.name, figure, cell, shown, None if short else before.get(cell))


def _within(cases: Sequence[Case], period: Period) -> list[Case]:
    return [each for each in cases if period.start <= each.accepted_at < period.end]


def earliest(periods: Sequence[Period]) -> datetime:
    """Return from when on cases are needed."""
    return periods[0].previous.start
