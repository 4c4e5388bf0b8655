"""Reporting periods: calendar edges in a time zone, ranges, predecessors (R6.3)."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.kpi.periods import Period, PeriodLength, period_at, periods_between

ZONE = "Asia/Shanghai"


@pytest.mark.requirement("R6.3")
@pytest.mark.parametrize(
    ("size", "name", "before"),
    [
        (PeriodLength.HOUR, "2026-03-01 07:00", "2026-03-01 06:00"),
        (PeriodLength.DAY, "2026-03-01", "2026-02-28"),
        (PeriodLength.WEEK, "2026-W09", "2026-W08"),
        (PeriodLength.MONTH, "2026-03", "2026-02"),
        (PeriodLength.QUARTER, "2026-Q1", "2025-Q4"),
        (PeriodLength.YEAR, "2026", "2025"),
    ],
)
def test_periods_begin_in_the_pack_s_zone(size: PeriodLength, name: str, before: str) -> None:
    # One in the night in Shanghai is still the month before in UTC.
    found = period_at(datetime(2026, 2, 28, 23, 30, tzinfo=UTC), size, ZONE)
    assert (found.name, found.previous.name) == (name, before)
    assert found.previous.end == found.start


@given(at=st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)), size=st.sampled_from(PeriodLength))
def test_periods_follow_each_other_without_a_gap(at: datetime, size: PeriodLength) -> None:
    start = at.replace(tzinfo=UTC)
    found = periods_between(start, start + timedelta(days=40), size, "Europe/Berlin")
    assert found[0].start <= start < found[0].end
    assert all(one.end == other.start for one, other in pairwise(found))
    assert found[-1].end >= start + timedelta(days=40)


def test_a_range_of_its_own_is_compared_with_as_long_a_time_before() -> None:
    start = datetime(2026, 3, 1, tzinfo=UTC)
    assert Period(start, start + timedelta(days=3)).previous == Period(start - timedelta(days=3), start)
