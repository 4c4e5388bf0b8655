"""Formulas of KPIs: what each case adds to numerator and denominator, and what the sums of a cell become. Pure.

Cases are added one by one and not kept, so a report over a million tickets needs no more memory than one over ten.
"""

from collections.abc import Callable
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

    def __add__(self, other: "KpiValue") -> "KpiValue":
        """Return the value of the cases of both together."""
        return KpiValue(self.numerator + other.numerator, self.denominator + other.denominator)


NOTHING = KpiValue(0, 0)
"""What a case adds that does not count."""


def _sums(total: KpiValue, _: int) -> KpiValue:
    return total


@dataclass(frozen=True, slots=True)
class Formula:
    """How a KPI is computed.

    Attributes:
        part: what a case adds.
        whole: the KPI of a cell, from the sum of all parts and the number of users of the business.

    """

    part: Callable[[Case], KpiValue]
    whole: Callable[[KpiValue, int], KpiValue] = _sums


def share(counts: Callable[[Case], bool], among: Callable[[Case], bool] = lambda _: True) -> Formula:
    """Return a formula for the share of cases that fulfil a condition, among all or those that fulfil another."""
    return Formula(lambda case: KpiValue(int(counts(case)), 1) if among(case) else NOTHING)


def count(of: Callable[[Case], int]) -> Formula:
    """Return a formula for the sum of a number over all cases."""
    return Formula(lambda case: KpiValue(of(case), 0), lambda total, _: KpiValue(total.numerator, 1))


complaint_rate = Formula(lambda _: KpiValue(1, 0), lambda total, users: KpiValue(total.numerator, users))
"""Complaints on a business over its users (002-1 §2.6.3a)."""


def _delay(case: Case) -> KpiValue:
    return KpiValue(case.delay / HOUR, 1) if case.delay > timedelta(0) else NOTHING


mean_delay = Formula(_delay)
"""The mean delay of the cases that were late, in hours (002-1 §2.6.3)."""

flow_timeliness = Formula(lambda case: KpiValue(sum(not run.late for run in case.runs), len(case.runs)))
"""The stages finished in time over all stages that began (002-1 §2.6.3)."""


def _handling_time(case: Case) -> KpiValue:
    return KpiValue((case.closed_at - case.accepted_at) / HOUR, 1) if case.closed_at is not None else NOTHING


mean_handling_time = Formula(_handling_time)
"""The mean time from acceptance to closing, in hours (002-1 §3.5.3)."""


def satisfied_with(index: int) -> Formula:
    """Return a formula for the share of replies satisfied with the process (0), the result (1) or the staff (2)."""
    return share(
        lambda case: case.satisfied_with is not None and case.satisfied_with[index],
        lambda case: case.satisfied_with is not None,
    )
