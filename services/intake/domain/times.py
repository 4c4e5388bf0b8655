"""Parses dates and times in the formats that senders use; errors are collected in `InputErrors`. Pure."""

import re
import unicodedata
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from services.intake.domain.fields import InputErrors, parse_whole_number

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
"""An earlier time is a mistaken unit (seconds for milliseconds), not a contact."""
LATEST = 2100
"""A later year is one, too."""
SHEET_DAY_ZERO = {False: datetime(1899, 12, 30), True: datetime(1904, 1, 1)}  # noqa: DTZ001 - spreadsheets have no time zone
"""Day 0 of a spreadsheet, by whether it uses the 1904 date system."""

FIRST_SHEET_DAY = 1000
"""Numbers below it are counts of days, not days of a spreadsheet: nobody sets a limit in 1902."""
_BEFORE = re.compile(r"\s*(?:(?:之|以)?前|止|截止|为止|前办结|前回复|前反馈)\s*$")
_DAY = re.compile(r"(?P<y>[0-9]{4})[-./年](?P<m>[0-9]{1,2})[-./月](?P<d>[0-9]{1,2})日?")
_PARTS_OF_DAY = {
    **dict.fromkeys(("AM", "上午", "早上", "早晨", "清晨", "凌晨"), "morning"),
    **dict.fromkeys(("PM", "下午", "午后", "傍晚"), "afternoon"),
    "中午": "noon",
    **dict.fromkeys(("晚上", "夜里", "夜间", "深夜", "半夜", "晚间", "今晚"), "night"),
}
"""Words that say to which half of the day an hour of one to twelve belongs."""
_CLOCK = re.compile(
    rf"(?P<half>{'|'.join(_PARTS_OF_DAY)})?\s*(?P<h>[0-9]{{1,2}})"
    r"(?:[:时時点點](?P<min>[0-9]{2})分?(?::?(?P<s>[0-9]{2})秒?)?|[时時点點](?:(?P<half_hour>半)|整|钟)?)"
    r"(?P<f>[.,][0-9]+)?\s*(?P<after>AM|PM)?\s*(?P<zone>Z|[+-][0-9]{2}:?[0-9]{2})?",
    re.IGNORECASE,
)
_COMPACT = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})(?:[ T]?([0-9]{2})([0-9]{2})([0-9]{2}))?")
_AMERICAN = re.compile(r"(?P<m>[0-9]{1,2})/(?P<d>[0-9]{1,2})/(?P<y>[0-9]{4})")
_NOON = 12
_DAY_HOURS = 24
_HALF_HOUR = 30
_FIRST_EVENING_HOUR = 5
"""The first hour that, said of an evening, is one of the afternoon; earlier ones are those after midnight."""
_FIRST_MIDDAY_HOUR = 10
"""The first hour that, said of midday, is before noon."""
_SPACES = re.compile(r"\s+")
_ADVICE = "write ISO 8601, such as 2026-03-12T09:13:42+08:00"


def without_before(text: str) -> str:
    """Return a deadline as authorities write it without the words for `before`: 2026年12月10日17时前, 2026-12-10前."""
    return _BEFORE.sub("", unicodedata.normalize("NFKC", text))


def parse_instant(value: Any, name: str, errors: InputErrors, zone: str = "Asia/Shanghai") -> datetime | None:
    """Parse a point in time; a day means its start, and a time without an offset is in `zone`.

    See `parse_instant_or_day` for the formats and the parameters.
    """
    moment = parse_instant_or_day(value, name, errors, zone)
    if isinstance(moment, datetime) or moment is None:
        return moment
    return datetime(moment.year, moment.month, moment.day, tzinfo=ZoneInfo(zone))


def parse_instant_or_day(
    value: Any, name: str, errors: InputErrors, zone: str = "Asia/Shanghai", *, american: bool = False
) -> datetime | date | None:
    """Parse a point in time, or a day when only the day is given; None, with an error added, when it is neither.

    Args:
        value: ISO 8601, or as people and programs write it: `2026/3/9 17:05`, `2026.3.19`, `20260312 113000`,
            `2026年3月9日 上午9:20`; None and the empty text are no error.
        name: name of the field in errors.
        errors: collects the errors.
        zone: time zone of a time without an offset.
        american: the month comes first, as in `03/02/2026 12:51:35 PM +0000`.

    """
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        errors.add(name, "bad_date", f"write the time as text: {_ADVICE}")
        return None
    try:
        moment = _parse(_SPACES.sub(" ", unicodedata.normalize("NFKC", value)).strip(), american=american)
    except ValueError:
        errors.add(name, "bad_date", f"{value[:40]!r} is not a date: {_ADVICE}")
        return None
    if isinstance(moment, datetime) and moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZoneInfo(zone))
    if moment.year < EARLIEST.year or moment.year > LATEST:
        errors.add(name, "bad_date", f"{value[:40]!r} is not a plausible time: check the year and the unit")
        return None
    return moment


def _parse(text: str, *, american: bool) -> datetime | date:
    compact = _COMPACT.fullmatch(text)
    if compact is not None:
        numbers = [int(number) for number in compact.groups() if number is not None]
        return datetime(*numbers) if compact[4] else date(*numbers)  # type: ignore[arg-type]  # noqa: DTZ001
    day_match = (_AMERICAN if american else _DAY).match(text)
    if day_match is None:
        return datetime.fromisoformat(text)
    day = date(int(day_match["y"]), int(day_match["m"]), int(day_match["d"]))
    rest = text[day_match.end() :].lstrip(" T,")
    return _with_clock(day, rest) if rest else day


def _with_clock(day: date, rest: str) -> datetime:
    """Return a day with the time of day that follows it in the text."""
    clock = _CLOCK.fullmatch(rest)
    if clock is None:
        raise ValueError(rest)
    part = _PARTS_OF_DAY.get((clock["half"] or clock["after"] or "").upper())
    hours = _hours_since_midnight(int(clock["h"]), part)
    minutes = _HALF_HOUR if clock["half_hour"] else int(clock["min"] or 0)
    seconds = int(clock["s"] or 0)
    if hours == _DAY_HOURS and not part and (minutes or seconds):
        raise ValueError(rest)
    fraction = int((clock["f"] or ".0")[1:7].ljust(6, "0"))
    zone = datetime.fromisoformat(f"2000-01-01T00:00:00{clock['zone'].upper()}").tzinfo if clock["zone"] else None
    clock_time = time(hours % _DAY_HOURS, minutes, seconds, fraction, tzinfo=zone)
    return datetime.combine(day + timedelta(days=hours // _DAY_HOURS), clock_time)


def _hours_since_midnight(hour: int, part: str | None) -> int:
    """Return the hours from the start of the day; from 24 on they are of the next day.

    The night of a day goes on after midnight: 晚上12点 is its end, and 晚上1点 is an hour later. 中午 stands on both
    sides of noon, and 上午12点 is the midnight before, as office programs write it.
    """
    if part is None or hour > _NOON:
        if hour > _DAY_HOURS:
            raise ValueError(hour)
        return hour
    clock_hour = hour % _NOON
    if part == "morning":
        return clock_hour
    if part == "noon":
        return hour if hour >= _FIRST_MIDDAY_HOUR else clock_hour + _NOON
    if part == "night" and clock_hour < _FIRST_EVENING_HOUR:
        return clock_hour + _DAY_HOURS
    return clock_hour + _NOON


def parse_occurrence(
    value: Any, errors: InputErrors, name: str = "occurred_at", zone: str = "Asia/Shanghai"
) -> dict[str, Any]:
    """Parse when the matter occurred; returns the contact field for the point in time or the day."""
    return time_field("occurred", parse_instant_or_day(value, name, errors, zone))


def time_field(stem: str, moment: datetime | date | None) -> dict[str, Any]:
    """Return the contact field that holds a point in time (`<stem>_at`) or a day (`<stem>_on`)."""
    return {f"{stem}_at": moment} if moment is None or isinstance(moment, datetime) else {f"{stem}_on": moment}


def parse_epoch(value: Any, name: str, errors: InputErrors, *, unit: int = 1000) -> datetime | None:
    """Parse a Unix time of `unit` ticks a second (1, 1000 or 1,000,000); None, with an error added, when it is none."""
    unit_name = {1: "seconds", 1000: "milliseconds", 1_000_000: "microseconds"}[unit]
    if isinstance(value, str):
        value = parse_whole_number(value)
    if value is None or isinstance(value, bool) or not isinstance(value, int):
        errors.add(name, "bad_date", f"write the time as whole {unit_name} since 1970")
        return None
    try:
        instant = datetime.fromtimestamp(value / unit, UTC)
    except (OverflowError, OSError, ValueError):
        errors.add(name, "bad_date", f"{value} {unit_name} is not a date: check the unit")
        return None
    if instant < EARLIEST or instant.year > LATEST:
        errors.add(
            name, "bad_date", f"{value} {unit_name} would be in {instant.year}: check the unit, seconds or milliseconds"
        )
        return None
    return instant


def parse_sheet_day(value: float, *, since_1904: bool) -> str:
    """Convert a spreadsheet's day number to ISO 8601 text without a time zone.

    Raises:
        ValueError: the number is out of range.

    """
    try:
        moment = SHEET_DAY_ZERO[since_1904] + timedelta(seconds=round(value * 86_400))
    except OverflowError as error:
        raise ValueError(value) from error
    return moment.date().isoformat() if moment.time() == time(0) else moment.isoformat(sep=" ")


def to_utc(instant: datetime) -> datetime:
    """Return the same instant in UTC."""
    return instant.astimezone(UTC)
