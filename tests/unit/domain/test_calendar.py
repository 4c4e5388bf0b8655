"""Calendars: elapsed time, working days, holidays and make-up days."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from services.domain.policy.base import Span
from services.domain.sla.calendar import BeyondCalendar, Calendar, DayRule, OfficeHours
from tests.builders import PACK

SHANGHAI = ZoneInfo("Asia/Shanghai")
CN, ELAPSED = PACK.calendars["cn"], PACK.calendars["elapsed"]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


def span(text: str) -> Span:
    unit = text.lstrip("0123456789")
    return Span.model_validate({"amount": int(text.removesuffix(unit)), "unit": unit})


@pytest.mark.requirement("R4.1")
@pytest.mark.parametrize(
    ("start", "limit", "due"),
    [
        ("2026-03-12T09:00", "1wd", "2026-03-13T17:30"),  # the starting day is not counted
        ("2026-03-13T18:00", "1wd", "2026-03-16T17:30"),  # a Friday evening: Monday
        ("2026-09-24T10:00", "1wd", "2026-09-28T17:30"),  # Mid-Autumn on Friday the 25th
        ("2026-02-13T10:00", "1wd", "2026-02-14T17:30"),  # a Saturday that is worked before Spring Festival
        ("2026-02-14T10:00", "1wd", "2026-02-24T17:30"),  # over Spring Festival
        ("2026-09-30T10:00", "7wd", "2026-10-15T17:30"),  # National Day; Saturday the 10th is worked
        ("2026-03-12T09:00", "2d", "2026-03-16T17:30"),  # a last plain day that is a Saturday moves to Monday
        ("2026-03-12T09:00", "5h", "2026-03-12T14:00"),  # hours are elapsed in every calendar
    ],
)
def test_when_a_limit_of_working_time_ends(start: str, limit: str, due: str) -> None:
    assert CN.due(at(start), span(limit)) == at(due)


@pytest.mark.requirement("R4.1")
def test_elapsed_time_is_elapsed_time() -> None:
    assert ELAPSED.due(at("2026-02-13T10:00"), span("48h")) == at("2026-02-15T10:00")
    assert ELAPSED.due(at("2026-02-13T10:00"), span("7d")) == at("2026-02-20T10:00")
    assert ELAPSED.between(at("2026-02-13T10:00"), at("2026-02-13T09:00")) == timedelta(0)


def test_time_between_counts_office_hours_only() -> None:
    assert CN.between(at("2026-03-13T17:00"), at("2026-03-16T09:00")) == timedelta(hours=1)
    assert CN.between(at("2026-03-13T12:00"), at("2026-03-13T13:30")) == timedelta(0)


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


def test_working_days_as_elapsed_working_time_is_one_setting() -> None:
    rule = DayRule.model_validate({"end": "elapsed", "ours": "another customer"})
    calendar = CN.model_copy(update={"counting": rule})
    assert calendar.due(at("2026-03-12T10:00"), span("1wd")) == at("2026-03-13T10:00")


def test_a_calendar_that_cannot_be() -> None:
    with pytest.raises(ValidationError, match="must be in order"):
        OfficeHours.model_validate({"open": [["12:00", "08:00"]], "ours": "x"})
    with pytest.raises(ValidationError, match="working time needs"):
        Calendar.model_validate(
            {"name": "x", "zone": "Asia/Shanghai", "kind": "working", "counting": {"end": "elapsed", "ours": "x"}}
        )


def test_no_calendar_looks_ahead_for_ever() -> None:
    never = CN.model_copy(update={"week": (), "days": None})
    with pytest.raises(ValueError, match="working time within"):
        never.add(at("2026-03-12T10:00"), timedelta(hours=1))


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
ALL = st.sampled_from([CN, NIGHT, HALVES])
CHANGES = st.sampled_from([datetime(2025, 3, 8, 22, tzinfo=UTC), datetime(2025, 11, 1, 22, tzinfo=UTC)])
"""Evenings before New York's clocks change."""


def is_worked(calendar: Calendar, instant: datetime) -> bool:
    """Look at the wall clock, as a person would."""
    assert calendar.hours is not None
    local = instant.astimezone(ZoneInfo(calendar.zone))
    return calendar.works(local.date()) and any(start <= local.time() < end for start, end in calendar.hours.open)


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
@given(instant=INSTANTS | CHANGES, calendar=ALL)
def test_the_next_and_the_previous_working_instant(instant: datetime, calendar: Calendar) -> None:
    following, before = calendar.next_working(instant), calendar.previous_working(instant)
    assert before <= instant <= following
    assert is_worked(calendar, following)
    assert is_worked(calendar, before - timedelta(microseconds=1)) or is_worked(calendar, before)
    assert calendar.between(instant, following) == calendar.between(before, instant) == timedelta(0)


def test_elapsed_time_is_always_worked() -> None:
    assert ELAPSED.next_working(at("2026-03-14T03:00")) == ELAPSED.previous_working(at("2026-03-14T03:00"))


@pytest.mark.requirement("R4.1")
def test_a_year_that_nobody_has_published_yet_is_not_guessed() -> None:
    with pytest.raises(BeyondCalendar, match=r"knows 2024, 2025, 2026, not 2027: write it again"):
        CN.due(at("2026-12-30T10:00"), span("7wd"))
