"""Rows of `duban report`: companions, changes, and periods that are too short (R6)."""

from dataclasses import replace
from datetime import timedelta

import pytest

from duban import report
from services.domain.kpi.catalogue import KPIS
from services.domain.kpi.periods import PeriodLength, period_at
from services.shared.runtime.errors import DubanError
from tests.unit.domain.kpi.scenarios import case_of, good

ZONE = "Asia/Shanghai"


@pytest.mark.requirement("R5.4", "R6.3")
def test_satisfaction_is_never_shown_without_its_response_rate() -> None:
    names = [each.name for each in report.choose_kpis(["satisfaction", "satisfaction_staff"], ["department"])]
    assert names == ["satisfaction", "satisfaction_staff", "survey_response"]


@pytest.mark.requirement("R6.6")
def test_a_day_shows_what_an_escalated_figure_rests_on_a_month_the_figure() -> None:
    one = replace(case_of(good()), kind="escalated")
    day, month = (period_at(one.accepted_at, size, ZONE) for size in (PeriodLength.DAY, PeriodLength.MONTH))
    (short,) = report.build_rows([KPIS["escalated_solved"]], [day], [one], by=(), users=0)
    (long,) = report.build_rows([KPIS["escalated_solved"]], [month], [one], by=(), users=0)
    assert (short.value, short.now.numerator) == (None, 1)
    assert long.value == 1.0


@pytest.mark.requirement("R6.3")
def test_the_change_is_against_the_period_before() -> None:
    now = case_of(good())
    month_ago = replace(now, accepted_at=now.accepted_at - timedelta(days=28), settled=False)
    month = period_at(now.accepted_at, PeriodLength.MONTH, ZONE)
    (row,) = report.build_rows([KPIS["on_time_completion"]], [month], [now, month_ago], by=(), users=0)
    assert (row.value, row.change) == (1.0, 1.0)


@pytest.mark.parametrize(
    ("names", "by", "message"),
    [
        (["speed"], [], "no figure 'speed'"),
        ([], ["shoe_size"], "no dimension 'shoe_size'"),
        (["satisfaction"], ["stage"], "satisfaction is about whole tickets"),
    ],
)
def test_an_impossible_report_is_refused_with_the_reason(names: list[str], by: list[str], message: str) -> None:
    with pytest.raises(DubanError, match=message):
        report.choose_kpis(names, by)
