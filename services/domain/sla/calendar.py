"""Calendars: elapsed time, and working time with holidays and make-up working days (R4.1, DECISIONS 2, 3, 33). Pure.

Minutes and hours are elapsed in every calendar (DECISIONS 3). A limit in days, working days or months does not count
the starting day and ends at close of business of its last day (DECISIONS 2); a calendar whose days are elapsed ends it
at the same time of day instead. All arithmetic is between instants; the zone only says which day an instant belongs to.
"""

import calendar as gregorian
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from itertools import pairwise
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, PrivateAttr, model_validator

from services.domain.policy.base import Cited, Name, NewCode, PolicyPart, Span

DAY = timedelta(days=1)
NOTHING = timedelta(0)
MAX_DAYS = 4000
"""Days to search at the most; a limit that needs more is a mistake in the policy."""


def _parse_time_of_day(value: object) -> timedelta:
    """Read a time of TOML, or a text such as "08:30" or "24:00", as the time since midnight on the wall clock."""
    if value in ("24:00", "24:00:00"):
        return DAY
    try:
        parsed = time.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        parsed = None
    if not isinstance(parsed, time) or parsed.tzinfo is not None:
        raise ValueError(f'{value!r} is no time of day: write 08:30:00, or "24:00" for the end of the day')
    return datetime.combine(date.min, parsed) - datetime.combine(date.min, time.min)


TimeOfDay = Annotated[timedelta, BeforeValidator(_parse_time_of_day)]


class OfficeHours(Cited):
    """Office hours of a working day, in the calendar's zone: pairs of opening and closing, the last at most 24:00."""

    open: tuple[tuple[TimeOfDay, TimeOfDay], ...]

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        points = [point for pair in self.open for point in pair]
        if not points or any(first >= second for first, second in pairwise(points)):
            raise ValueError(
                "office hours must be in order and must not overlap; a day that is open until midnight closes at "
                '"24:00"'
            )
        return self

    @property
    def length(self) -> timedelta:
        """The working time of one day."""
        return sum((closing - opening for opening, closing in self.open), timedelta(0))


class ExceptionalDays(Cited):
    """Days that differ from the week: from public notices, year by year."""

    holidays: tuple[date, ...] = ()
    workdays: tuple[date, ...] = ()
    """Weekend days that are worked (调休)."""
    years: Annotated[tuple[int, ...], Field(min_length=1)]
    """Years that the lists are complete for; any other year is provisional."""


class DayRule(Cited):
    """How days are counted."""

    end: Literal["close_of_business", "elapsed"]

    @model_validator(mode="before")
    @classmethod
    def _refuse_roll(cls, data: object) -> object:
        if isinstance(data, dict) and "roll" in data:
            raise ValueError(
                "roll is a setting of the pack (DECISIONS 33): take it out here and write [calendar] roll = true or "
                "false in pack.toml"
            )
        return data


class Calendar(PolicyPart):
    """One calendar: a file of `policies/calendars`.

    A year that its lists do not cover is provisional: no holiday of it is known. Where the calendar has ever listed
    make-up working days, any day of such a year may turn out to be worked, and counts as worked; otherwise the plain
    week counts. So a limit ends too early rather than too late: never later than by any notice that the year may get.
    Whoever shows such a limit says that it is provisional (`knows`); it is derived anew when the notice is there.
    """

    name: NewCode
    zone: Name
    kind: Literal["elapsed", "working"]
    hours: OfficeHours | None = None
    week: Annotated[tuple[Annotated[int, Field(ge=1, le=7)], ...], Field()] = (1, 2, 3, 4, 5)
    """Working days of the week, 1 is Monday."""
    days: ExceptionalDays | None = None
    counting: DayRule

    _rolls: bool = PrivateAttr(default=False)

    @model_validator(mode="after")
    def _can_be_worked(self) -> Self:
        if self.kind == "working" and self.hours is None:
            raise ValueError(f"calendar {self.name}: working time needs [hours]")
        if self.kind == "working" and not self.week and (self.days is None or not self.days.workdays):
            raise ValueError(
                f"calendar {self.name}: no day is ever worked: write the working days of the week, such as "
                "week = [1, 2, 3, 4, 5] for Monday to Friday, or list workdays in [days]"
            )
        try:
            ZoneInfo(self.zone)
        except (KeyError, ValueError):
            raise ValueError(
                f"calendar {self.name}: there is no time zone {self.zone!r}: write one of the IANA database, such as "
                "Asia/Shanghai"
            ) from None
        return self

    def for_pack(self, *, rolls: bool) -> "Calendar":
        """Return the calendar as a pack counts by it.

        Args:
            rolls: a limit in plain days or months whose last day is not worked ends on the next working day
                (DECISIONS 33).

        """
        counted = self.model_copy()
        counted._rolls = rolls  # noqa: SLF001 - another instance of this class
        return counted

    def __copy__(self) -> Self:
        """Return a copy that computes everything anew: it is made to be changed."""
        copied = super().__copy__()
        for name, value in vars(Calendar).items():
            if isinstance(value, cached_property):
                copied.__dict__.pop(name, None)
        return copied

    def knows(self, at: datetime) -> bool:
        """Whether the holidays of an instant's year are known."""
        return self.days is None or at.astimezone(self._zone).year in self.days.years

    def works(self, day: date) -> bool:
        """Return whether a day is worked; in a provisional year, whether it may be."""
        weekday = day.isoweekday() in self.week
        if self.days is None:
            return weekday
        if day.year not in self.days.years:
            return weekday or bool(self.days.workdays)
        return (weekday or day in self.days.workdays) and day not in self.days.holidays

    def due(self, start: datetime, span: Span) -> datetime:
        """Return when a limit that begins at `start` ends, in UTC.

        N days or months end at close of business of the last calendar day, worked or not, or of the next working day
        where the pack rolls; N working days at close of business of the N-th working day after the starting day. A
        limit of no days ends the same day, or the next when it begins after close of business (DECISIONS 33).

        Raises:
            ValueError: there is no such working day within `MAX_DAYS`.

        """
        if span.unit in {"m", "h"}:
            return (start if start.tzinfo is UTC else start.astimezone(UTC)) + span.length
        if self.counting.end == "elapsed":
            return self._after_elapsed_days(start, span)
        first = start.astimezone(self._zone).date()
        key = (first, span.amount, span.unit)
        known = self._ends.get(key)
        if known is None:
            last = self._last_day(*key)
            known = self._ends[key] = (self._close(last), self._end_on(last, span.unit))
        if known[0] > start:
            return known[1]
        return self._end_on(self._last_day(*key) + DAY, span.unit)

    @cached_property
    def _ends(self) -> dict[tuple[date, int, str], tuple[datetime, datetime]]:
        """The close of the last day of limits that begin on a day, and their end: they share them."""
        return {}

    def _end_on(self, last: date, unit: str) -> datetime:
        """Return the end of a limit whose last day is named, or the next one that is worked where it has to be."""
        return self._close(self._first_worked(last) if unit == "wd" or self._rolls else last)

    def _last_day(self, first: date, amount: int, unit: str) -> date:
        """Return the last day of a limit that begins on a day, before it is looked at whether it is over or worked."""
        known = self._last_days.get((first, amount, unit))
        if known is None:
            known = first
            if unit == "wd":
                for _ in range(amount):
                    known = self._first_worked(known + DAY)
            else:
                known = _months_after(first, amount) if unit == "mo" else first + DAY * amount
            self._last_days[first, amount, unit] = known
        return known

    @cached_property
    def _last_days(self) -> dict[tuple[date, int, str], date]:
        """The last days that were looked for: limits that begin on the same day share them."""
        return {}

    def _after_elapsed_days(self, start: datetime, span: Span) -> datetime:
        if span.unit == "mo":
            local = start.astimezone(self._zone)
            day = _months_after(local.date(), span.amount)
            return datetime.combine(day, local.time(), self._zone).astimezone(UTC)
        if span.unit == "d":
            return start.astimezone(UTC) + span.length
        return self.add(start, self.day_length * span.amount)

    def add(self, start: datetime, length: timedelta) -> datetime:
        """Return the first instant by which so much time of the calendar has passed since `start`, in UTC.

        Raises:
            ValueError: there is not so much working time within `MAX_DAYS`.

        """
        if self.kind == "elapsed":
            return (start if start.tzinfo is UTC else start.astimezone(UTC)) + length
        instant, left = start.astimezone(UTC), length
        day = start.astimezone(self._zone).date()
        for number in range(MAX_DAYS):
            # Days in between count as a whole, whatever their hours: most of a long limit passes in them.
            if number and left > (worked := self._worked(day)):
                left -= worked
            else:
                for opening, closing in self._open(day):
                    begin = max(instant, opening)
                    if begin > closing:
                        continue
                    if left <= closing - begin:
                        return begin + left
                    left -= closing - begin
            day += DAY
        raise ValueError(f"calendar {self.name} has no {length} of working time within {MAX_DAYS} days of {start}")

    def subtract(self, end: datetime, length: timedelta) -> datetime:
        """Return the last instant from which so much time of the calendar is left until `end`, in UTC.

        The mirror of `add`; raises as it.
        """
        instant, left = end.astimezone(UTC), length
        if self.kind == "elapsed":
            return instant - length
        day = end.astimezone(self._zone).date()
        for _ in range(MAX_DAYS):
            for opening, closing in reversed(self._open(day)):
                stop = min(closing, instant)
                if stop < opening:
                    continue
                if left <= stop - opening:
                    return stop - left
                left -= stop - opening
            day -= DAY
        raise ValueError(f"calendar {self.name} has no {length} of working time within {MAX_DAYS} days before {end}")

    def between(self, start: datetime, end: datetime) -> timedelta:
        """Return the time of the calendar from start to end; zero when the end is not after the start."""
        if end <= start:
            return NOTHING
        if self.kind == "elapsed":
            return end - start
        first = start.astimezone(self._zone).date()
        last = end.astimezone(self._zone).date()
        total = sum(
            (
                max(min(closing, end) - max(opening, start), NOTHING)
                for day in {first, last}
                for opening, closing in self._open(day)
            ),
            NOTHING,
        )
        return total + self._of_whole_days(first + DAY, last) if last - first > DAY else total

    def _of_whole_days(self, first: date, end: date) -> timedelta:
        """Return the time of the calendar from one day to another, the end not included."""
        known = self._whole_days.get((first, end))
        if known is None:
            days = (first + DAY * number for number in range((end - first).days))
            known = sum((closing - opening for day in days for opening, closing in self._open(day)), NOTHING)
            self._whole_days[first, end] = known
        return known

    @cached_property
    def _whole_days(self) -> dict[tuple[date, date], timedelta]:
        """The stretches of days that were looked at: deadlines of the same day have the same ones."""
        return {}

    @property
    def day_length(self) -> timedelta:
        """The time of the calendar in one of its days: office hours, or 24 hours of elapsed time."""
        return self.hours.length if self.kind == "working" and self.hours is not None else DAY

    @property
    def half_day(self) -> timedelta:
        """Half of the time of the calendar in one of its days."""
        return self.day_length / 2

    def _first_worked(self, day: date) -> date:
        """Return the first working day from a day on."""
        for ahead in range(MAX_DAYS):
            if self.works(day + DAY * ahead):
                return day + DAY * ahead
        raise ValueError(f"calendar {self.name} has no working day within {MAX_DAYS} days of {day}")

    def _close(self, day: date) -> datetime:
        """Return the close of business of a day, worked or not, in UTC; without office hours the end of the day."""
        known = self._closes.get(day)
        if known is None:
            known = self._instant(day, self.hours.open[-1][1] if self.hours is not None else DAY)
            self._closes[day] = known
        return known

    @cached_property
    def _closes(self) -> dict[date, datetime]:
        """The closes of business that were looked at."""
        return {}

    def _instant(self, day: date, since_midnight: timedelta) -> datetime:
        wall = datetime.combine(day, time.min) + since_midnight
        return wall.replace(tzinfo=self._zone).astimezone(UTC)

    def _open(self, day: date) -> list[tuple[datetime, datetime]]:
        """Return when a day is worked, in UTC."""
        known = self._open_by_day.get(day)
        if known is None:
            worked = self.hours is not None and self.works(day)
            hours = self.hours.open if self.hours is not None and worked else ()
            known = [(self._instant(day, opening), self._instant(day, closing)) for opening, closing in hours]
            self._open_by_day[day] = known
        return known

    def _worked(self, day: date) -> timedelta:
        """Return the time of the calendar in a day."""
        known = self._worked_by_day.get(day)
        if known is None:
            known = sum((closing - opening for opening, closing in self._open(day)), NOTHING)
            self._worked_by_day[day] = known
        return known

    @cached_property
    def _worked_by_day(self) -> dict[date, timedelta]:
        """The time of the days that were looked at."""
        return {}

    @cached_property
    def _open_by_day(self) -> dict[date, list[tuple[datetime, datetime]]]:
        """The days that were looked at: there are only so many in the life of a process."""
        return {}

    @cached_property
    def _zone(self) -> ZoneInfo:
        return ZoneInfo(self.zone)


def _months_after(day: date, months: int) -> date:
    """Return the same day of a later month; its last day where it is shorter: 31 January, 28 February."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return day.replace(year=year, month=month + 1, day=min(day.day, gregorian.monthrange(year, month + 1)[1]))
