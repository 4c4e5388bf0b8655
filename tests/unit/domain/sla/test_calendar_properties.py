"""What holds of every calendar, at every time: adding and measuring, order, 24-hour days, months, provisional years."""

import calendar as gregorian
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.domain.policy.base import Span
from services.domain.sla.calendar import Calendar
from tests.unit.domain.sla.test_calendar import CN, ELAPSED, EVERY_DAY, ROLLING, SHANGHAI, WORKING, at, span

INSTANTS = st.datetimes(datetime(2025, 1, 2), datetime(2026, 4, 20), timezones=st.just(UTC))
LENGTHS = st.integers(0, 60 * 24 * 20).map(lambda minutes: timedelta(minutes=minutes))


@pytest.mark.requirement("R4.1")
@settings(max_examples=100, deadline=None)
@given(start=INSTANTS, length=LENGTHS, calendar=st.sampled_from([CN, ELAPSED]))
def test_adding_and_measuring_agree(start: datetime, length: timedelta, calendar: Calendar) -> None:
    end = calendar.add(start, length)
    assert end >= start
    assert calendar.between(start, end) == length


@settings(max_examples=100, deadline=None)
@given(start=INSTANTS, one=LENGTHS, other=LENGTHS, calendar=st.sampled_from([CN, ELAPSED]))
def test_time_goes_on_whatever_way_it_is_cut(
    start: datetime, one: timedelta, other: timedelta, calendar: Calendar
) -> None:
    assert calendar.add(calendar.add(start, one), other) == calendar.add(start, one + other)


@settings(max_examples=100, deadline=None)
@given(start=INSTANTS, days=st.integers(1, 20))
def test_a_working_day_limit_ends_at_close_of_business_of_a_working_day(start: datetime, days: int) -> None:
    due = CN.due(start, Span(amount=days, unit="wd")).astimezone(SHANGHAI)
    assert CN.works(due.date())
    assert (due.hour, due.minute) == (17, 30)
    assert due > start


def working(zone: str, *hours: tuple[str, str], week: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 7)) -> Calendar:
    """Return a calendar that has no lists of days."""
    return Calendar.model_validate(
        {
            "name": "tests",
            "zone": zone,
            "kind": "working",
            "week": week,
            "hours": {"open": hours, "ours": "a test"},
            "counting": {"end": "elapsed", "ours": "a test"},
        }
    )


NIGHT = working("America/New_York", ("01:00", "05:00"), ("06:30", "07:15"))
"""Works through the hours that summer time takes away and gives back."""
HALVES = working("Asia/Kolkata", ("09:15", "12:45"), ("13:30", "17:00"), week=(1, 2, 3, 4, 5, 6))
ROUND_THE_CLOCK = working("America/New_York", ("00:00", "24:00"))
"""Never closes, in a zone whose days have 23, 24 and 25 hours."""
ALL = st.sampled_from([CN, NIGHT, HALVES, ROUND_THE_CLOCK])
CHANGES = st.sampled_from([datetime(2025, 3, 8, 22, tzinfo=UTC), datetime(2025, 11, 1, 22, tzinfo=UTC)])
"""Evenings before New York's clocks change."""


def is_worked(calendar: Calendar, instant: datetime) -> bool:
    """Look at the wall clock, as a person would."""
    assert calendar.hours is not None
    local = instant.astimezone(ZoneInfo(calendar.zone))
    wall = timedelta(hours=local.hour, minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
    return calendar.works(local.date()) and any(start <= wall < end for start, end in calendar.hours.open)


@pytest.mark.requirement("R4.1")
@settings(max_examples=60, deadline=None)
@given(start=INSTANTS | CHANGES, minutes=st.integers(0, 3 * 24 * 60), calendar=ALL)
def test_time_between_is_what_counting_minutes_on_the_wall_clock_gives(
    start: datetime, minutes: int, calendar: Calendar
) -> None:
    start = start.replace(second=0, microsecond=0)
    counted = sum(is_worked(calendar, start + timedelta(minutes=each)) for each in range(minutes))
    assert calendar.between(start, start + timedelta(minutes=minutes)) == timedelta(minutes=counted)


@settings(max_examples=100, deadline=None)
@given(start=INSTANTS | CHANGES, length=LENGTHS, calendar=ALL)
def test_working_time_never_ends_outside_working_time(start: datetime, length: timedelta, calendar: Calendar) -> None:
    end = calendar.add(start, length)
    assert calendar.between(start, end) == length
    if length:
        assert is_worked(calendar, end - timedelta(microseconds=1))


@settings(max_examples=100, deadline=None)
@given(start=INSTANTS | CHANGES, length=LENGTHS, calendar=ALL | st.just(ELAPSED))
def test_subtracting_mirrors_adding(start: datetime, length: timedelta, calendar: Calendar) -> None:
    begin = calendar.subtract(start, length)
    assert begin <= start
    assert calendar.between(begin, start) == length
    assert calendar.add(begin, length) <= start
    assert calendar.subtract(calendar.add(start, length), length) >= start
    if length and calendar.kind == "working":
        assert is_worked(calendar, begin)


@settings(max_examples=100, deadline=None)
@given(start=INSTANTS | CHANGES, length=LENGTHS)
def test_no_second_of_a_24_hour_day_is_lost(start: datetime, length: timedelta) -> None:
    assert ROUND_THE_CLOCK.add(start, length) == start + length
    assert ROUND_THE_CLOCK.subtract(start, length) == start - length
    assert ROUND_THE_CLOCK.between(start, start + length) == length
    assert ROUND_THE_CLOCK.day_length == timedelta(hours=24)


@pytest.mark.parametrize("limit", ["0d", "1d", "0wd", "1wd"])
def test_a_24_hour_day_closes_at_midnight(limit: str) -> None:
    calendar = ROUND_THE_CLOCK.model_copy(update={"counting": CN.counting})
    start = datetime(2026, 3, 12, tzinfo=ZoneInfo("America/New_York"))
    assert calendar.due(start, span(limit)) == start + timedelta(days=1 + int(limit[0]))


SPANS = st.builds(Span, amount=st.integers(1, 20), unit=st.sampled_from(["m", "h", "d", "wd", "mo"])) | st.sampled_from(
    [span("0d"), span("0wd")]
)
COUNTED = st.sampled_from([CN, ROLLING, ELAPSED, EVERY_DAY, NIGHT, HALVES])


@pytest.mark.requirement("R4.1")
@settings(max_examples=200, deadline=None)
@given(start=INSTANTS | CHANGES, limit=SPANS, calendar=COUNTED)
def test_a_limit_never_ends_before_it_begins(start: datetime, limit: Span, calendar: Calendar) -> None:
    due = calendar.due(start, limit)
    assert due > start or (due == start and limit.amount == 0)
    assert due.tzinfo is UTC


@pytest.mark.requirement("R4.1")
@settings(max_examples=200, deadline=None)
@given(start=INSTANTS | CHANGES, later=LENGTHS, limit=SPANS, more=st.integers(0, 5), calendar=COUNTED)
def test_a_limit_that_begins_later_or_is_longer_never_ends_earlier(
    start: datetime, later: timedelta, limit: Span, more: int, calendar: Calendar
) -> None:
    due = calendar.due(start, limit)
    assert calendar.due(start, Span(amount=limit.amount + more, unit=limit.unit)) >= due
    # Of 30 and 31 January a month ends on the same day: by elapsed time the time of day decides.
    if limit.unit != "mo" or calendar.counting.end == "close_of_business":
        assert calendar.due(start + later, limit) >= due


@settings(max_examples=100, deadline=None)
@given(start=INSTANTS, limit=SPANS)
def test_rolling_moves_a_limit_only_from_a_day_off_and_to_a_working_day(start: datetime, limit: Span) -> None:
    due, rolled = CN.due(start, limit), ROLLING.due(start, limit)
    if limit.unit in {"m", "h", "wd"} or CN.works(due.astimezone(SHANGHAI).date()):
        assert rolled == due
    else:
        assert CN.works(rolled.astimezone(SHANGHAI).date())
        assert due < rolled
        assert CN.between(due, rolled) == CN.day_length


@pytest.mark.requirement("R4.7")
@settings(max_examples=200, deadline=None)
@given(
    start=st.datetimes(datetime(2023, 1, 1), datetime(2027, 1, 1), timezones=st.just(SHANGHAI)), n=st.integers(1, 30)
)
def test_months_end_on_the_same_day_of_the_month_or_its_last(start: datetime, n: int) -> None:
    month = Span(amount=n, unit="mo")
    end = CN.due(start, month).astimezone(SHANGHAI)
    assert (end.hour, end.minute) == (17, 30)
    assert (end.year - start.year) * 12 + end.month - start.month == n
    assert end.day == min(start.day, gregorian.monthrange(end.year, end.month)[1])
    same_time = ELAPSED.due(start, month).astimezone(SHANGHAI)
    assert (same_time.date(), same_time.time()) == (end.date(), start.time())


def listing(years: set[int], holidays: set[date], workdays: set[date]) -> Calendar:
    """Return the calendar cn with other lists of days."""
    days = {"years": sorted(years), "holidays": sorted(holidays), "workdays": sorted(workdays), "ours": "x"}
    return Calendar.model_validate(WORKING | {"hours": CN.hours, "days": days})


KNOWN = CN.days
assert KNOWN is not None
PROVISIONAL = listing(
    {2024, 2026},
    {day for day in KNOWN.holidays if day.year != 2025},
    {day for day in KNOWN.workdays if day.year != 2025},
)
"""As if the notice for 2025 were not out yet."""
AROUND = st.datetimes(datetime(2024, 12, 1), datetime(2025, 12, 31), timezones=st.just(UTC))


def never_later(
    provisional: Calendar, real: Calendar, start: datetime, limit: Span, length: timedelta, *, rolls: bool
) -> None:
    counted, truly = provisional.for_pack(rolls=rolls), real.for_pack(rolls=rolls)
    assert counted.due(start, limit) <= truly.due(start, limit)
    assert counted.add(start, length) <= truly.add(start, length)
    assert counted.between(start, start + length) >= truly.between(start, start + length)


@pytest.mark.requirement("R4.1")
@settings(max_examples=200, deadline=None)
@given(start=AROUND, limit=SPANS, length=LENGTHS, rolls=st.booleans())
def test_a_provisional_year_never_ends_a_limit_later_than_the_notice_of_2025(
    start: datetime, limit: Span, length: timedelta, *, rolls: bool
) -> None:
    never_later(PROVISIONAL, CN, start, limit, length, rolls=rolls)


def test_a_provisional_year_reckons_with_make_up_days() -> None:
    """A working day from Friday 24 January 2025 ended on Sunday the 26th, which was worked."""
    assert CN.due(at("2025-01-24T10:00"), span("1wd")) == at("2025-01-26T17:30")
    assert PROVISIONAL.due(at("2025-01-24T10:00"), span("1wd")) <= at("2025-01-26T17:30")
    assert not PROVISIONAL.knows(at("2025-01-24T10:00"))
    assert PROVISIONAL.knows(at("2024-12-31T23:59"))


@pytest.mark.requirement("R4.1")
@settings(max_examples=100, deadline=None)
@given(
    start=AROUND,
    limit=SPANS,
    length=LENGTHS,
    rolls=st.booleans(),
    holidays=st.sets(st.dates(date(2025, 1, 1), date(2025, 12, 31)), max_size=60),
    workdays=st.sets(st.dates(date(2025, 1, 1), date(2025, 12, 31)), max_size=30),
)
def test_a_provisional_year_never_ends_a_limit_later_than_any_notice(
    start: datetime, limit: Span, length: timedelta, *, rolls: bool, holidays: set[date], workdays: set[date]
) -> None:
    assert PROVISIONAL.days is not None
    real = listing({2024, 2025, 2026}, {*PROVISIONAL.days.holidays, *holidays}, {*PROVISIONAL.days.workdays, *workdays})
    never_later(PROVISIONAL, real, start, limit, length, rolls=rolls)


def test_without_listed_make_up_days_a_provisional_year_has_plain_weeks() -> None:
    plain = listing({2024}, {date(2024, 12, 25)}, set())
    assert plain.due(at("2025-01-24T10:00"), span("1wd")) == at("2025-01-27T17:30")
