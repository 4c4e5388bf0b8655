"""Rows of a KPI report: each KPI with its counts, target, and change against the previous period (R6)."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.domain.kpi.cases import Case
from services.domain.kpi.catalogue import DIMENSIONS, KPIS, Kpi, KpiSums
from services.domain.kpi.formulas import KpiValue
from services.domain.kpi.periods import Period
from services.shared.runtime.errors import DubanError

STAGE = "stage"
BY_STAGE = frozenset({"flow_timeliness", "mean_delay", "escalated_timeliness"})
"""KPIs that can be broken down by stage too."""


@dataclass(frozen=True, slots=True)
class ReportRow:
    """One KPI in one period and one cell, the combination of values of the dimensions."""

    period: str
    kpi: Kpi
    cell: tuple[str, ...]
    now: KpiValue
    before: KpiValue | None
    target: float | None

    @property
    def value(self) -> float | None:
        """The KPI; None when nothing was counted, or the period is too short for it."""
        return self.now.value

    @property
    def change(self) -> float | None:
        """The value minus that of the previous period; None when one of them has none."""
        if self.value is None or self.before is None or self.before.value is None:
            return None
        return self.value - self.before.value


def header(by: Sequence[str]) -> list[str]:
    """Return the titles of the columns, with those of the dimensions."""
    return ["period", "figure", "名称", *by, "value", "unit", "numerator", "denominator", "change", "target", "source"]


def row_cells(row: ReportRow) -> list[str | float | int | None]:
    """Return the cells of a row, in the order of the header."""
    kpi = row.kpi
    return [
        row.period,
        kpi.name,
        kpi.zh,
        *row.cell,
        _rounded(row.value),
        kpi.unit,
        _rounded(row.now.numerator),
        row.now.denominator,
        _rounded(row.change),
        row.target,
        kpi.source,
    ]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def choose_kpis(names: Sequence[str], by: Sequence[str]) -> list[Kpi]:
    """Return the KPIs to report, with those that are always shown beside them; all when no names are given.

    Raises:
        DubanError: there is no such KPI or dimension, or a KPI cannot be broken down by stage.

    """
    _check_names("figure", names, tuple(KPIS))
    _check_names("dimension", by, (*DIMENSIONS, STAGE))
    companions = [companion for name in names if (companion := KPIS[name].companion) is not None]
    kpis = [KPIS[name] for name in dict.fromkeys([*names, *companions]) or KPIS]
    if STAGE not in by:
        return kpis
    whole = [name for name in names if name not in BY_STAGE]
    if whole:
        raise DubanError(f"{whole[0]} is about whole tickets: by stage choose one of {', '.join(sorted(BY_STAGE))}")
    return [kpi for kpi in kpis if kpi.name in BY_STAGE]


def _check_names(kind: str, names: Sequence[str], known: Sequence[str]) -> None:
    unknown = [name for name in names if name not in known]
    if unknown:
        raise DubanError(f"there is no {kind} {unknown[0]!r}: choose one of {', '.join(known)}")


def build_rows(
    kpis: Sequence[Kpi], periods: Sequence[Period], cases: Iterable[Case], *, by: Sequence[str], users: int
) -> Iterator[ReportRow]:
    """Return every KPI in every cell of every period.

    Args:
        kpis: those to compute.
        periods: a ticket belongs to the period in which it was accepted; they do not overlap.
        cases: of these periods and of the previous period of each; they are added up one by one and not kept.
        by: dimensions to break down by.
        users: number of users of the business; 0: rates per user have no value.

    """
    sums = _sums_of_periods(kpis, periods, cases, by)
    for period in periods:
        present, earlier = sums[period.start], sums[period.previous.start]
        for kpi in kpis:
            before = earlier.cells(kpi, users)
            short = period.comparable_length < kpi.min_length
            for cell, value in present.cells(kpi, users).items():
                # In a period that is too short for the KPI only its count is shown (R6.6).
                shown = KpiValue(value.numerator, 0) if short else value
                earlier_value = None if short else before.get(cell)
                yield ReportRow(period.name, kpi, cell, shown, earlier_value, kpi.target_of(period.length))


def _sums_of_periods(
    kpis: Sequence[Kpi], periods: Sequence[Period], cases: Iterable[Case], by: Sequence[str]
) -> dict[datetime, KpiSums]:
    """Return the sums of the periods and of the previous period of each, by their start."""
    spans = sorted({period.start: period for one in periods for period in (one.previous, one)}.items())
    starts, sums = [start for start, _ in spans], {start: KpiSums(kpis, by) for start, _ in spans}
    for case in cases:
        index = bisect_right(starts, case.accepted_at) - 1
        if index >= 0 and case.accepted_at < spans[index][1].end:
            sums[starts[index]].add(case)
    return sums


def earliest_needed(periods: Sequence[Period]) -> datetime:
    """Return the time of acceptance from which on cases are needed: the start of the first previous period."""
    return periods[0].previous.start
