"""Reporting periods in the pack's time zone: hour, day, week, month, quarter, year, or any range (R6.3). Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from zoneinfo import ZoneInfo


class PeriodLength(IntEnum):
    """Length of a period, shortest first."""

    HOUR = 1
    DAY = 2
    WEEK = 3
    MONTH = 4
    QUARTER = 5
    YEAR = 6


@dataclass(frozen=True, slots=True)
class Period:
    """A half-open interval of time: the end is not included."""

    start: datetime
    end: datetime
    length: PeriodLength | None = None
    """None for an arbitrary range."""

    @property
    def name(self) -> str:
        """The title of the period, such as 2026-03 or 2026-W12."""
        start = self.start
        names = {
            PeriodLength.HOUR: f"{start:%Y-%m-%d %H:00}",
            PeriodLength.DAY: f"{start:%Y-%m-%d}",
            PeriodLength.WEEK: f"{start:%G-W%V}",
            PeriodLength.MONTH: f"{start:%Y-%m}",
            PeriodLength.QUARTER: f"{start:%Y}-Q{(start.month + 2) // 3}",
            PeriodLength.YEAR: f"{start:%Y}",
        }
        return names[self.length] if self.length is not None else f"{start:%Y-%m-%d %H:%M} to {self.end:%Y-%m-%d %H:%M}"

    @property
    def previous(self) -> "Period":
        """The period before this one: the calendar period, or for a range the same duration."""
        if self.length is None:
            return Period(self.start - (self.end - self.start), self.start)
        return period_at(self.start - timedelta(seconds=1), self.length, str(self.start.tzinfo))

    @property
    def comparable_length(self) -> PeriodLength:
        """The longest length that this period reaches, to compare with the minimum that a KPI requires."""
        if self.length is not None:
            return self.length
        days = (self.end - self.start).days
        return next(
            (
                length
                for length, minimum in ((PeriodLength.YEAR, 365), (PeriodLength.MONTH, 28), (PeriodLength.DAY, 1))
                if days >= minimum
            ),
            PeriodLength.HOUR,
        )


def period_at(at: datetime, length: PeriodLength, zone: str) -> Period:
    """Return the period of a length that contains an instant, in a time zone."""
    local = at.astimezone(ZoneInfo(zone)).replace(minute=0, second=0, microsecond=0)
    if length is PeriodLength.HOUR:
        return Period(local, local + timedelta(hours=1), length)
    day = local.replace(hour=0)
    if length is PeriodLength.DAY:
        return Period(day, day + timedelta(days=1), length)
    if length is PeriodLength.WEEK:
        monday = day - timedelta(days=day.weekday())
        return Period(monday, monday + timedelta(days=7), length)
    months = {PeriodLength.MONTH: 1, PeriodLength.QUARTER: 3, PeriodLength.YEAR: 12}[length]
    first = day.replace(day=1, month=(day.month - 1) // months * months + 1)
    number = first.month - 1 + months
    return Period(first, first.replace(year=first.year + number // 12, month=number % 12 + 1), length)


def periods_between(start: datetime, end: datetime, length: PeriodLength | None, zone: str) -> list[Period]:
    """Return the whole periods of a length that overlap a range; without a length, the range itself."""
    if length is None:
        local = ZoneInfo(zone)
        return [Period(start.astimezone(local), end.astimezone(local))]
    periods, at = [], start
    while at < end:
        period = period_at(at, length, zone)
        periods.append(period)
        at = period.end
    return periods
