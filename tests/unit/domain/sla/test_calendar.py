"""Calendars: elapsed time, working days, holidays and make-up days, plain days with and without rolling, months."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from pydantic import TypeAdapter, ValidationError

from deploy.tools import working_calendar
from deploy.tools.checkout import PROJECT
from services.domain.policy.base import ElapsedLength, Length, Span
from services.domain.sla.calendar import Calendar, DayRule
from tests.builders import PACK

SHANGHAI = ZoneInfo("Asia/Shanghai")
CN = PACK.calendars["cn"].for_pack(rolls=False)
ROLLING = PACK.calendars["cn"].for_pack(rolls=True)
ELAPSED, EVERY_DAY = PACK.calendars["elapsed"], PACK.calendars["every_day"]

LENGTH: TypeAdapter[Span] = TypeAdapter(Length)
ELAPSED_LENGTH: TypeAdapter[Span] = TypeAdapter(ElapsedLength)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


def span(text: str) -> Span:
    return LENGTH.validate_python(text)


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
        ("2026-03-13T18:00", "0wd", "2026-03-16T17:30"),  # no working day left of Friday: Monday
        ("2026-03-14T10:00", "0wd", "2026-03-16T17:30"),  # a Saturday is none: Monday
        ("2026-03-12T09:00", "5h", "2026-03-12T14:00"),  # hours are elapsed in every calendar
    ],
)
def test_when_a_limit_of_working_time_ends(start: str, limit: str, due: str) -> None:
    assert CN.due(at(start), span(limit)) == ROLLING.due(at(start), span(limit)) == at(due)


@pytest.mark.requirement("R4.1")
@pytest.mark.parametrize(
    ("start", "limit", "due", "rolled"),
    [
        ("2026-03-12T09:00", "2d", "2026-03-14T17:30", "2026-03-16T17:30"),  # a Saturday; rolled, Monday
        ("2026-03-12T23:00", "1d", "2026-03-13T17:30", "2026-03-13T17:30"),
        ("2026-03-12T09:00", "0d", "2026-03-12T17:30", "2026-03-12T17:30"),  # the same day
        ("2026-03-12T17:30", "0d", "2026-03-13T17:30", "2026-03-13T17:30"),  # after close: the next day
        ("2026-03-13T18:00", "0d", "2026-03-14T17:30", "2026-03-16T17:30"),  # Friday evening
        ("2026-03-14T10:00", "0d", "2026-03-14T17:30", "2026-03-16T17:30"),  # a Saturday
        ("2026-09-30T18:00", "0d", "2026-10-01T17:30", "2026-10-08T17:30"),  # the eve of National Day
        ("2026-10-07T18:00", "0d", "2026-10-08T17:30", "2026-10-08T17:30"),
        ("2026-01-31T09:00", "1mo", "2026-02-28T17:30", "2026-02-28T17:30"),  # a Saturday that is worked
        ("2024-01-31T09:00", "1mo", "2024-02-29T17:30", "2024-02-29T17:30"),  # a leap year
        ("2025-12-31T18:00", "1mo", "2026-01-31T17:30", "2026-02-02T17:30"),  # a Saturday; rolled, Monday
        ("2026-03-12T09:00", "12mo", "2027-03-12T17:30", "2027-03-12T17:30"),
    ],
)
def test_plain_days_and_months_end_on_their_last_day_unless_the_pack_rolls(
    start: str, limit: str, due: str, rolled: str
) -> None:
    """DECISIONS 33."""
    assert CN.due(at(start), span(limit)) == at(due)
    assert ROLLING.due(at(start), span(limit)) == at(rolled)


@pytest.mark.requirement("R4.1")
def test_a_pack_says_whether_its_plain_days_roll() -> None:
    start = at("2026-03-13T18:00")
    assert PACK.header.calendar.roll
    assert PACK.calendar("cn").due(start, span("0d")) == at("2026-03-16T17:30")
    assert PACK.calendar("cn") is PACK.calendar("cn")


@pytest.mark.requirement("R4.1")
def test_elapsed_time_is_elapsed_time() -> None:
    assert ELAPSED.due(at("2026-02-13T10:00"), span("48h")) == at("2026-02-15T10:00")
    assert ELAPSED.due(at("2026-02-13T10:00"), span("7d")) == at("2026-02-20T10:00")
    assert ELAPSED.due(at("2026-01-31T10:00"), span("1mo")) == at("2026-02-28T10:00")
    assert ELAPSED.between(at("2026-02-13T10:00"), at("2026-02-13T09:00")) == timedelta(0)
    assert ELAPSED.day_length == timedelta(hours=24)


def test_time_between_counts_office_hours_only() -> None:
    assert CN.between(at("2026-03-13T17:00"), at("2026-03-16T09:00")) == timedelta(hours=1)
    assert CN.between(at("2026-03-13T12:00"), at("2026-03-13T13:30")) == timedelta(0)


def test_a_same_day_limit_warns_two_office_hours_before_and_escalates_each_half_day() -> None:
    assert CN.subtract(at("2026-03-13T17:30"), timedelta(hours=2)) == at("2026-03-13T15:30")
    assert CN.subtract(at("2026-03-16T09:00"), timedelta(hours=2)) == at("2026-03-13T16:00")
    assert CN.subtract(at("2026-03-13T15:30"), timedelta(hours=2)) == at("2026-03-13T13:30")
    assert ELAPSED.subtract(at("2026-03-13T15:30"), timedelta(hours=2)) == at("2026-03-13T13:30")
    assert CN.half_day == timedelta(hours=3, minutes=45)
    assert ELAPSED.half_day == timedelta(hours=12)
    assert CN.add(at("2026-03-13T17:30"), CN.half_day) == at("2026-03-16T13:45")


def test_an_office_that_is_open_every_day_has_same_day_limits_at_weekends() -> None:
    due = EVERY_DAY.due(at("2026-03-14T10:00"), span("0d"))
    assert due == at("2026-03-14T17:30")
    assert EVERY_DAY.subtract(due, timedelta(hours=2)) == at("2026-03-14T15:30")
    assert EVERY_DAY.add(due, EVERY_DAY.half_day) == at("2026-03-15T13:45")


def test_working_days_as_elapsed_working_time_is_one_setting() -> None:
    rule = DayRule.model_validate({"end": "elapsed", "ours": "another customer"})
    calendar = CN.model_copy(update={"counting": rule})
    assert calendar.due(at("2026-03-12T10:00"), span("1wd")) == at("2026-03-13T10:00")
    assert calendar.due(at("2026-03-12T10:00"), span("2d")) == at("2026-03-14T10:00")
    assert calendar.due(at("2026-03-12T10:00"), span("1mo")) == at("2026-04-12T10:00")


WORKING = {
    "name": "x",
    "zone": "Asia/Shanghai",
    "kind": "working",
    "hours": {"open": [["08:00", "12:00"]], "ours": "x"},
    "counting": {"end": "close_of_business", "ours": "x"},
}
DAYS = {"years": [2026], "ours": "x"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hours": None}, r"working time needs \[hours\]"),
        ({"hours": {"open": [["12:00", "08:00"]], "ours": "x"}}, "must be in order"),
        ({"hours": {"open": [["08:00", "00:00"]], "ours": "x"}}, 'closes at "24:00"'),
        ({"hours": {"open": [["08:00", "25:00"]], "ours": "x"}}, r"'25:00' is no time of day: write 08:30:00"),
        ({"hours": {"open": [["08:00Z", "12:00"]], "ours": "x"}}, "'08:00Z' is no time of day"),
        ({"hours": {"open": [[8, 12]], "ours": "x"}}, "8 is no time of day"),
        ({"week": []}, r"calendar x: no day is ever worked: write the working days of the week"),
        ({"week": [], "days": DAYS}, "no day is ever worked"),
        ({"zone": "Asia/Changsha"}, "there is no time zone 'Asia/Changsha': write one of the IANA database"),
        ({"counting": {"end": "close_of_business", "roll": True, "ours": "x"}}, r"write \[calendar\] roll = true or"),
    ],
)
def test_a_calendar_that_cannot_be_is_refused_with_a_sentence(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Calendar.model_validate(WORKING | changes)


def test_a_calendar_may_have_listed_working_days_only() -> None:
    calendar = Calendar.model_validate(WORKING | {"week": [], "days": DAYS | {"workdays": [date(2026, 3, 14)]}})
    assert calendar.due(at("2026-03-12T09:00"), span("1wd")) == at("2026-03-14T12:00")


@pytest.mark.parametrize(
    ("adapter", "text", "message"),
    [
        (LENGTH, "24 hours", "write a whole number and one of m, h, d, wd or mo"),
        (LENGTH, "0mo", "a length of zero"),
        (ELAPSED_LENGTH, "1mo", "1mo needs a calendar"),
        (ELAPSED_LENGTH, "5wd", "5wd needs a calendar"),
    ],
)
def test_a_length_that_cannot_be_is_refused_with_a_sentence(
    adapter: TypeAdapter[Span], text: str, message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        adapter.validate_python(text)


def test_no_calendar_looks_ahead_for_ever() -> None:
    never = CN.model_copy(update={"week": (), "days": None})
    with pytest.raises(ValueError, match="working time within"):
        never.add(at("2026-03-12T10:00"), timedelta(hours=1))
    with pytest.raises(ValueError, match="working time within"):
        never.subtract(at("2026-03-12T10:00"), timedelta(hours=1))
    with pytest.raises(ValueError, match="no working day within"):
        never.due(at("2026-03-12T10:00"), span("1wd"))


def test_the_calendar_of_china_is_what_its_generator_writes() -> None:
    assert CN.days is not None
    written = (PROJECT / "policies" / "calendars" / "cn.toml").read_text(encoding="utf-8")
    assert written == working_calendar.calendar(list(CN.days.years))
