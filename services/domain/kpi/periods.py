"""Periods of reports: hours, days, weeks, months, quarters, years, or any range, in the pack's zone (R6.3). Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from zoneinfo import ZoneInfo


class PeriodLength(IntEnum):
    """How long a period is, shortest first."""

    HOUR = 1
    DAY = 2
    WEEK = 3
    MONTH = 4
    QUARTER = 5
    YEAR = 6


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch of time, the end not included."""

    start: datetime
    end: datetime
    size: PeriodLength | None = None
    """None: a range of its own."""

    @property
    def name(self) -> str:
        """What people call it."""
        start = self.start
        names = {
            PeriodLength.HOUR: f"{start:%Y-%m-%d %H:00}",
            PeriodLength.DAY: f"{start:%Y-%m-%d}",
            PeriodLength.WEEK: f"{start:%G-W%V}",
            PeriodLength.MONTH: f"{start:%Y-%m}",
            PeriodLength.QUARTER: f"{start:%Y}-Q{(start.month + 2) // 3}",
            PeriodLength.YEAR: f"{start:%Y}",
        }
        return names[self.size] if self.size is not None else f"{start:%Y-%m-%d %H:%M} to {self.end:%Y-%m-%d %H:%M}"

    @property
    def previous(self) -> "Period":
        """The period before it: of the same size, or for a range of the same length."""
        if self.size is None:
            return Period(self.start - (self.end - self.start), self.start)
        return period_at(self.start - timedelta(seconds=1), self.size, str(self.start.tzinfo))

    @property
    def comparable_length(self) -> PeriodLength:
        """The size of which it is at least, for figures that need a longer period."""
        if self.size is not None:
            return self.size
        days = (self.end - self.start).days
        return next(
            (
                size
                for size, least in ((PeriodLength.YEAR, 365), (PeriodLength.MONTH, 28), (PeriodLength.DAY, 1))
                if days >= least
            ),
            PeriodLength.HOUR,
        )


def period_at(at: datetime, size: PeriodLength, zone: str) -> Period:
    """Return the period of a size that holds an instant."""
    local = at.astimezone(ZoneInfo(zone)).replace(minute=0, second=0, microsecond=0)
    if size is PeriodLength.HOUR:
        return Period(local, local + timedelta(hours=1), size)
    day = local.replace(hour=0)
    if size is PeriodLength.DAY:
        return Period(day, day + timedelta(days=1), size)
    if size is PeriodLength.WEEK:
        monday = day - timedelta(days=day.weekday())
        return Period(monday, monday + timedelta(days=7), size)
    months = {PeriodLength.MONTH: 1, PeriodLength.QUARTER: 3, PeriodLength.YEAR: 12}[size]
    first = day.replace(day=1, month=(day.month - 1) // months * months + 1)
    number = first.month - 1 + months
    return Period(first, first.replace(year=first.year + number // 12, month=number % 12 + 1), size)


def periods_between(start: datetime, end: datetime, size: PeriodLength | None, zone: str) -> list[Period]:
    """Return the periods of a size that a range touches, whole; without a size, the range itself."""
    if size is None:
        local = ZoneInfo(zone)
        return [Period(start.astimezone(local), end.astimezone(local))]
    found, at = [], start
    while at < end:
        one = period_at(at, size, zone)
        found.append(one)
        at = one.end
    return found
