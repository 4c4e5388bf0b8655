"""Calendars: elapsed time, and working time with holidays and make-up working days (R4.1, DECISIONS 2 and 3). Pure.

Limits in minutes and hours are elapsed in every calendar (DECISIONS 3). A limit in days or working days does not count
the starting day and ends at close of business on its last day (DECISIONS 2); a calendar can say that days are elapsed
instead. All arithmetic is between instants; the zone only says which day an instant belongs to.
"""

from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from itertools import pairwise
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from services.domain.policy.base import Cited, Code, Name, PolicyPart, Span

DAY = timedelta(days=1)
LOOKED_UP = ("provisionally", "_known", "_zone")
"""What a calendar remembers of itself."""
FURTHEST = 4000
"""Days to look ahead at the most; a limit that needs more is a mistake in the policy."""


class OfficeHours(Cited):
    """Office hours of a working day, in the calendar's zone: pairs of opening and closing."""

    open: tuple[tuple[time, time], ...]

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        points = [point for pair in self.open for point in pair]
        if not points or any(first >= second for first, second in pairwise(points)):
            raise ValueError("office hours must be in order and must not overlap")
        return self


class ExceptionalDays(Cited):
    """Days that differ from the week: from public notices, year by year."""

    holidays: tuple[date, ...] = ()
    workdays: tuple[date, ...] = ()
    """Weekend days that are worked (调休)."""
    years: Annotated[tuple[int, ...], Field(min_length=1)]
    """Years that the lists are complete for; nothing is guessed beyond them."""


class BeyondCalendar(ValueError):
    """A day of a year that the calendar's lists do not cover; says which, and what to do."""


class DayRule(Cited):
    """How days are counted."""

    end: Literal["close_of_business", "elapsed"]
    roll: bool = True
    """Whether a last plain day that is not worked moves to the next working day."""


class Calendar(PolicyPart):
    """One calendar: a file of `policies/calendars`."""

    name: Code
    zone: Name
    kind: Literal["elapsed", "working"]
    hours: OfficeHours | None = None
    provisional: bool = False
    week: Annotated[tuple[Annotated[int, Field(ge=1, le=7)], ...], Field()] = (1, 2, 3, 4, 5)
    """Working days of the week, 1 is Monday."""
    days: ExceptionalDays | None = None
    counting: DayRule

    @model_validator(mode="after")
    def _working_needs_hours(self) -> Self:
        if self.kind == "working" and self.hours is None:
            raise ValueError(f"calendar {self.name}: working time needs [hours]")
        ZoneInfo(self.zone)
        return self

    def knows(self, at: datetime) -> bool:
        """Whether the holidays of an instant's year are known."""
        return self.days is None or at.astimezone(self._zone).year in self.days.years

    @cached_property
    def provisionally(self) -> "Calendar":
        """The same calendar, for those who cannot wait for a year's notice: a year without one has its plain week.

        No holiday is in it, so a limit ends too early rather than too late; who uses it says that it is provisional.
        """
        return self.model_copy(update={"provisional": True})

    def __copy__(self) -> Self:
        """Return a copy that looks everything up anew: it is made to be changed."""
        copied = super().__copy__()
        for name in LOOKED_UP:
            copied.__dict__.pop(name, None)
        return copied

    def works(self, day: date) -> bool:
        """Return whether a day is worked.

        Raises:
            BeyondCalendar: the lists do not cover the day's year.

        """
        if self.days is not None:
            if day.year not in self.days.years:
                if self.provisional:
                    return day.isoweekday() in self.week
                known = ", ".join(map(str, self.days.years))
                raise BeyondCalendar(
                    f"calendar {self.name} knows {known}, not {day.year}: "
                    "write it again with deploy/tools/working_calendar.py when the year's notice is out"
                )
            if day in self.days.holidays:
                return False
            if day in self.days.workdays:
                return True
        return day.isoweekday() in self.week

    def due(self, start: datetime, span: Span) -> datetime:
        """Return when a limit that begins at `start` ends, in UTC."""
        if span.unit in {"m", "h"}:
            return (start if start.tzinfo is UTC else start.astimezone(UTC)) + span.length
        if self.counting.end == "elapsed":
            if span.unit == "d":
                return start.astimezone(UTC) + span.length
            return self._add_working(start, self._day_length * span.amount)
        day = start.astimezone(self._zone).date()
        if span.unit == "d":
            day += DAY * span.amount
            if self.counting.roll:
                while not self.works(day):
                    day += DAY
        else:
            left = span.amount
            while left:
                day += DAY
                left -= self.works(day)
        end = self._instant(day, self._close)
        while end <= start or (span.unit == "wd" and not self.works(day)):
            # The same day, but it is over or not worked: the next one that is.
            day += DAY
            end = self._instant(day, self._close)
        return end

    def add(self, start: datetime, length: timedelta) -> datetime:
        """Return the instant after so much time of the calendar, in UTC. Lengths come from `between`."""
        if self.kind == "elapsed":
            return (start if start.tzinfo is UTC else start.astimezone(UTC)) + length
        return self._add_working(start, length)

    def between(self, start: datetime, end: datetime) -> timedelta:
        """Return the time of the calendar from start to end; zero when the end is not after the start."""
        if end <= start:
            return timedelta(0)
        if self.kind == "elapsed":
            return end - start
        first = start.astimezone(self._zone).date()
        last = end.astimezone(self._zone).date()
        total, day = timedelta(0), first
        while day <= last:
            for opening, closing in self._open(day):
                total += max(min(closing, end) - max(opening, start), timedelta(0))
            day += DAY
        return total

    def next_working(self, at: datetime) -> datetime:
        """Return the first instant from `at` on that is worked, in UTC.

        Raises:
            BeyondCalendar: it lies in a year that the calendar does not know.

        """
        return self.add(at, timedelta(0)) if self.kind == "elapsed" else self._first_open(at)

    def previous_working(self, at: datetime) -> datetime:
        """Return the last instant up to `at` that is worked, in UTC; raises as `next_working`."""
        if self.kind == "elapsed":
            return at.astimezone(UTC)
        day, instant = at.astimezone(self._zone).date(), at.astimezone(UTC)
        for _ in range(FURTHEST):
            for opening, closing in reversed(self._open(day)):
                if opening <= instant:
                    return min(closing, instant)
            day -= DAY
        raise ValueError(f"calendar {self.name} has no working time within {FURTHEST} days before {at}")

    def _first_open(self, at: datetime) -> datetime:
        day, instant = at.astimezone(self._zone).date(), at.astimezone(UTC)
        for _ in range(FURTHEST):
            for opening, closing in self._open(day):
                if instant < closing:
                    return max(opening, instant)
            day += DAY
        raise ValueError(f"calendar {self.name} has no working time within {FURTHEST} days of {at}")

    @property
    def _day_length(self) -> timedelta:
        assert self.hours is not None
        whole = date(2000, 1, 1)
        return sum(
            (datetime.combine(whole, end) - datetime.combine(whole, start) for start, end in self.hours.open),
            timedelta(0),
        )

    @property
    def _close(self) -> time:
        return self.hours.open[-1][1] if self.hours is not None else time(23, 59, 59)

    def _instant(self, day: date, at: time) -> datetime:
        return datetime.combine(day, at, self._zone).astimezone(UTC)

    def _open(self, day: date) -> list[tuple[datetime, datetime]]:
        """Return when a day is worked, in UTC."""
        known = self._known.get(day)
        if known is None:
            worked = self.hours is not None and self.works(day)
            hours = self.hours.open if self.hours is not None and worked else ()
            known = [(self._instant(day, opening), self._instant(day, closing)) for opening, closing in hours]
            self._known[day] = known
        return known

    @cached_property
    def _known(self) -> dict[date, list[tuple[datetime, datetime]]]:
        """The days that were looked at: there are only so many in the life of a process."""
        return {}

    @cached_property
    def _zone(self) -> ZoneInfo:
        return ZoneInfo(self.zone)

    def _add_working(self, start: datetime, length: timedelta) -> datetime:
        day, left, instant = start.astimezone(self._zone).date(), length, start.astimezone(UTC)
        for _ in range(FURTHEST):
            for opening, closing in self._open(day):
                begin = max(opening, instant)
                if begin > closing:
                    continue
                if left <= closing - begin:
                    return begin + left
                left -= closing - begin
            day += DAY
        raise ValueError(f"calendar {self.name} has no {length} of working time within {FURTHEST} days of {start}")
