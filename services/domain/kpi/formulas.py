"""Formulas of figures: what is divided by what, over the cases of a cell. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from services.domain.kpi.cases import Case

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class KpiValue:
    """What a figure comes to.

    Attributes:
        numerator, denominator: what it rests on; the numerator of a mean is the sum.
        value: None when there is nothing to divide by.

    """

    numerator: float
    denominator: int

    @property
    def value(self) -> float | None:
        """The numerator over the denominator."""
        return self.numerator / self.denominator if self.denominator else None


Formula = Callable[[Sequence[Case], int], KpiValue]


def share(hit: Callable[[Case], bool], of: Callable[[Case], bool] = lambda _: True) -> Formula:
    """Return the share of those among some cases that another condition hits."""

    def formula(cases: Sequence[Case], _: int) -> KpiValue:
        base = [each for each in cases if of(each)]
        return KpiValue(sum(map(hit, base)), len(base))

    return formula


def count(of: Callable[[Case], int]) -> Formula:
    """Return the sum of what each case counts."""

    def formula(cases: Sequence[Case], _: int) -> KpiValue:
        return KpiValue(sum(map(of, cases)), 1)

    return formula


def complaint_rate(cases: Sequence[Case], users: int) -> KpiValue:
    """Complaints on a business over its users (002-1 §2.6.3a)."""
    return KpiValue(len(cases), users)


def mean_delay(cases: Sequence[Case], _: int) -> KpiValue:
    """Mean length of the delay of those that were late, in hours (002-1 §2.7.2)."""
    late = [each.delay for each in cases if each.delay > timedelta(0)]
    return KpiValue(sum(late, timedelta(0)) / HOUR, len(late))


def flow_timeliness(cases: Sequence[Case], _: int) -> KpiValue:
    """Stages done in their limit over all stages that were begun (002-1 §2.6.3)."""
    runs = [run for each in cases for run in each.runs]
    return KpiValue(sum(not each.late for each in runs), len(runs))


def mean_handling_time(cases: Sequence[Case], _: int) -> KpiValue:
    """Mean of closing minus acceptance, in hours (002-1 §3.5.3)."""
    spans = [each.closed_at - each.accepted_at for each in cases if each.closed_at is not None]
    return KpiValue(sum(spans, timedelta(0)) / HOUR, len(spans))


def satisfied_with(place: int) -> Formula:
    """Return the share of those who answered that are satisfied with the process, the result or the staff."""
    return share(
        lambda each: each.satisfied_with is not None and each.satisfied_with[place],
        lambda each: each.satisfied_with is not None,
    )
