"""Reading times that strangers wrote, in the shapes they use. Faults are collected, not raised one by one."""

import re
import unicodedata
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from services.intake.domain.fields import InputErrors, parse_whole_number

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
"""A time before this is a unit mixed up, not a contact."""
LATEST = 2100
"""A year after this is one, too."""
SHEET_DAY_ZERO = {False: datetime(1899, 12, 30), True: datetime(1904, 1, 1)}  # noqa: DTZ001 - a sheet knows no zone
"""What a spreadsheet counts its days from, by whether it uses the system of 1904."""

_DAY = re.compile(r"(?P<y>[0-9]{4})[-./年](?P<m>[0-9]{1,2})[-./月](?P<d>[0-9]{1,2})日?")
_CLOCK = re.compile(
    r"(?P<half>上午|下午|中午|晚上|凌晨|AM|PM)?\s*(?P<h>[0-9]{1,2})[:时点](?P<min>[0-9]{2})分?(?::?(?P<s>[0-9]{2})秒?)?"
    r"(?P<f>[.,][0-9]+)?\s*(?P<after>AM|PM)?\s*(?P<zone>Z|[+-][0-9]{2}:?[0-9]{2})?",
    re.IGNORECASE,
)
_COMPACT = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})(?:[ T]?([0-9]{2})([0-9]{2})([0-9]{2}))?")
_AMERICAN = re.compile(r"(?P<m>[0-9]{1,2})/(?P<d>[0-9]{1,2})/(?P<y>[0-9]{4})")
_AFTERNOON = frozenset({"下午", "晚上", "PM", "中午"})
_NOON = 12
_SPACES = re.compile(r"\s+")
_ADVICE = "write ISO 8601, such as 2026-03-12T09:13:42+08:00"


def parse_instant(value: Any, name: str, errors: InputErrors, zone: str = "Asia/Shanghai") -> datetime | None:
    """Return a point in time; without an offset it is in the sender's zone, as is a day. Faults are noted."""
    told = parse_instant_or_day(value, name, errors, zone)
    if isinstance(told, datetime) or told is None:
        return told
    return datetime(told.year, told.month, told.day, tzinfo=ZoneInfo(zone))


def parse_instant_or_day(
    value: Any, name: str, errors: InputErrors, zone: str = "Asia/Shanghai", *, american: bool = False
) -> datetime | date | None:
    """Return a point in time, or a day when only the day is told. Faults are noted.

    Args:
        value: ISO 8601, or as people and their programs write it: `2026/3/9 17:05`, `2026.3.19`, `20260312 113000`,
            `2026年3月9日 上午9:20`.
        name: of the field, for errors.
        errors: where they are noted.
        zone: of a time without an offset.
        american: month first, as `03/02/2026 12:51:35 PM +0000`.

    """
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        errors.add(name, "bad_date", f"write the time as text: {_ADVICE}")
        return None
    try:
        told = _parse(_SPACES.sub(" ", unicodedata.normalize("NFKC", value)).strip(), american=american)
    except ValueError:
        errors.add(name, "bad_date", f"{value[:40]!r} is no date: {_ADVICE}")
        return None
    if isinstance(told, datetime) and told.tzinfo is None:
        told = told.replace(tzinfo=ZoneInfo(zone))
    return _plausible(told, value, name, errors)


def _parse(text: str, *, american: bool) -> datetime | date:
    for told in _parse_local_forms(text, american=american):
        return told
    return datetime.fromisoformat(text)


def _parse_local_forms(text: str, *, american: bool) -> Iterator[datetime | date]:
    compact = _COMPACT.fullmatch(text)
    if compact is not None:
        numbers = [int(each) for each in compact.groups() if each is not None]
        yield datetime(*numbers) if compact[4] else date(*numbers)  # type: ignore[arg-type]  # noqa: DTZ001
    found = (_AMERICAN if american else _DAY).match(text)
    if found is None:
        return
    day = date(int(found["y"]), int(found["m"]), int(found["d"]))
    rest = text[found.end() :].lstrip(" T,")
    if not rest:
        yield day
        return
    clock = _CLOCK.fullmatch(rest)
    if clock is None:
        raise ValueError(rest)
    half = (clock["half"] or clock["after"] or "").upper()
    hour = int(clock["h"])
    if half and hour <= _NOON:
        hour = hour % _NOON + (_NOON if half in _AFTERNOON else 0)
    fraction = int((clock["f"] or ".0")[1:7].ljust(6, "0"))
    zone = datetime.fromisoformat(f"2000-01-01T00:00:00{clock['zone'].upper()}").tzinfo if clock["zone"] else None
    yield datetime(day.year, day.month, day.day, hour, int(clock["min"]), int(clock["s"] or 0), fraction, tzinfo=zone)


def parse_occurrence(
    value: Any, errors: InputErrors, name: str = "occurred_at", zone: str = "Asia/Shanghai"
) -> dict[str, Any]:
    """Return when it happened as the contact has it: a point in time, or a day when only the day is told."""
    return time_field("occurred", parse_instant_or_day(value, name, errors, zone))


def time_field(stem: str, told: datetime | date | None) -> dict[str, Any]:
    """Return the field of a contact for a point in time (`_at`) or a day (`_on`)."""
    return {f"{stem}_at": told} if told is None or isinstance(told, datetime) else {f"{stem}_on": told}


def parse_epoch(value: Any, name: str, errors: InputErrors, *, unit: int = 1000) -> datetime | None:
    """Return a point in time from a count since 1970, `unit` to the second. Faults are noted."""
    words = {1: "seconds", 1000: "milliseconds", 1_000_000: "microseconds"}[unit]
    if isinstance(value, str):
        value = parse_whole_number(value)
    if value is None or isinstance(value, bool) or not isinstance(value, int):
        errors.add(name, "bad_date", f"send the time as whole {words} since 1970")
        return None
    try:
        told = datetime.fromtimestamp(value / unit, UTC)
    except (OverflowError, OSError, ValueError):
        errors.add(name, "bad_date", f"{value} {words} is no date: check the unit")
        return None
    if told < EARLIEST or told.year > LATEST:
        errors.add(
            name, "bad_date", f"{value} {words} would be in {told.year}: check the unit, seconds or milliseconds"
        )
        return None
    return told


def parse_sheet_day(value: float, *, since_1904: bool) -> str:
    """Return the day and time that a spreadsheet's count of days stands for, as text without a zone.

    Raises:
        ValueError: it is no day that a spreadsheet can mean.

    """
    try:
        told = SHEET_DAY_ZERO[since_1904] + timedelta(seconds=round(value * 86_400))
    except OverflowError as error:
        raise ValueError(value) from error
    return told.date().isoformat() if told.time() == time(0) else told.isoformat(sep=" ")


def _plausible(told: datetime | date, value: str, name: str, errors: InputErrors) -> datetime | date | None:
    if told.year < EARLIEST.year or told.year > LATEST:
        errors.add(name, "bad_date", f"{value[:40]!r} is no plausible time: check the year and the unit")
        return None
    return told


def to_utc(told: datetime) -> datetime:
    """Return the same instant in UTC."""
    return told.astimezone(UTC)
