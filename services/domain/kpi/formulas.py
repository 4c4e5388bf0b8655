"""Formulas of KPIs: numerator and denominator over the cases of a cell. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from services.domain.kpi.cases import Case

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class KpiValue:
    """The value of a KPI, with the counts it is based on.

    Attributes:
        numerator: for a mean, the sum.
        denominator: the number of cases or users.
        value: None if the denominator is zero.

    """

    numerator: float
    denominator: int

    @property
    def value(self) -> float | None:
        """The numerator over the denominator."""
        return self.numerator / self.denominator if self.denominator else None


Formula = Callable[[Sequence[Case], int], KpiValue]
"""Computes a KPI from the cases of a cell and the number of users of the business."""


def share(counts: Callable[[Case], bool], among: Callable[[Case], bool] = lambda _: True) -> Formula:
    """Return a formula for the share of cases that fulfil a condition, among all or those that fulfil another."""

    def formula(cases: Sequence[Case], _: int) -> KpiValue:
        base = [case for case in cases if among(case)]
        return KpiValue(sum(map(counts, base)), len(base))

    return formula


def count(of: Callable[[Case], int]) -> Formula:
    """Return a formula for the sum of a number over all cases."""

    def formula(cases: Sequence[Case], _: int) -> KpiValue:
        return KpiValue(sum(map(of, cases)), 1)

    return formula


def complaint_rate(cases: Sequence[Case], users: int) -> KpiValue:
    """Return complaints on a business over its users (002-1 §2.6.3a)."""
    return KpiValue(len(cases), users)


def mean_delay(cases: Sequence[Case], _: int) -> KpiValue:
    """Return the mean delay of the cases that were late, in hours (002-1 §2.7.2)."""
    late = [case.delay for case in cases if case.delay > timedelta(0)]
    return KpiValue(sum(late, timedelta(0)) / HOUR, len(late))


def flow_timeliness(cases: Sequence[Case], _: int) -> KpiValue:
    """Return the stages finished in time over all stages that began (002-1 §2.6.3)."""
    runs = [run for case in cases for run in case.runs]
    return KpiValue(sum(not run.late for run in runs), len(runs))


def mean_handling_time(cases: Sequence[Case], _: int) -> KpiValue:
    """Return the mean time from acceptance to closing, in hours (002-1 §3.5.3)."""
    spans = [case.closed_at - case.accepted_at for case in cases if case.closed_at is not None]
    return KpiValue(sum(spans, timedelta(0)) / HOUR, len(spans))


def satisfied_with(index: int) -> Formula:
    """Return a formula for the share of replies satisfied with the process (0), the result (1) or the staff (2)."""
    return share(
        lambda case: case.satisfied_with is not None and case.satisfied_with[index],
        lambda case: case.satisfied_with is not None,
    )
