"""When a customer may be asked: in the pack's hours and the customer's own, where the customer is (R5.3). Pure."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple, Self
from zoneinfo import ZoneInfo

from schemas.contact import Customer
from services.domain.policy.outcome import CallbackRule
from services.domain.policy.pack import Pack
from services.domain.sla.calendar import Calendar

DAY = timedelta(days=1)
FURTHEST = 60
"""Days to look ahead at the most; no run of holidays is as long."""

Window = tuple[time, time]


class CallSlot(NamedTuple):
    """When a customer is to be asked, and when that day's hours are over; both in UTC."""

    due_at: datetime
    until_at: datetime


@dataclass(frozen=True, slots=True)
class CallingHours:
    """The hours in which a customer may be asked.

    Attributes:
        rule: of the pack.
        zone: where the customer is.
        windows: of a day, in order.
        holidays: the calendar that knows them.

    """

    rule: CallbackRule
    zone: ZoneInfo
    windows: tuple[Window, ...]
    holidays: Calendar | None

    @classmethod
    def of(cls, pack: Pack, zone: str | None = None, contact_hours: str | None = None) -> Self:
        """Return the hours of a customer.

        Args:
            pack: the customer's ticket runs under it.
            zone: where the customer is; None: where the pack is.
            contact_hours: the customer's own, such as 18:00-21:00. Those that lie wholly outside the pack's cannot be
                kept, for nobody is there to ask; then the pack's count.

        """
        rule = pack.outcome.callback
        holidays = pack.calendars[rule.holidays] if rule.holidays is not None else None
        own = (rule.hours_from, rule.hours_until)
        return cls(rule, ZoneInfo(zone or pack.header.zone), shared(own, contact_hours) or (own,), holidays)

    def first(self, answered_at: datetime, now: datetime, *, vip: bool) -> CallSlot:
        """Return when the customer is asked for the first time; never before now."""
        wait = self.rule.first_after_vip if vip else self.rule.first_after
        return self.within(max(answered_at + wait.length, now))

    def again(self, asked_at: datetime, now: datetime) -> CallSlot:
        """Return when the customer is asked again, or given up on after the last attempt; never before now."""
        return self.within(max(asked_at + self.rule.retry_after.length, now))

    def within(self, at: datetime) -> CallSlot:
        """Return the first time from `at` on at which the customer may be asked; never on a holiday's first day."""
        today = at.astimezone(self.zone).date()
        for ahead in range(FURTHEST):
            day = today + ahead * DAY
            if self._begins_holiday(day):
                continue
            for opening, closing in self.windows:
                until = datetime.combine(day, closing, self.zone).astimezone(UTC)
                if at < until:
                    return CallSlot(
                        max(at.astimezone(UTC), datetime.combine(day, opening, self.zone).astimezone(UTC)), until
                    )
        raise ValueError(f"no customer can be asked in the {FURTHEST} days from {at}: look at the holidays' calendar")

    def _begins_holiday(self, day: date) -> bool:
        if self.holidays is None or self.holidays.days is None:
            return False
        listed = self.holidays.days.holidays
        return day in listed and day - DAY not in listed


def zone_of(rule: CallbackRule, customer: Customer) -> str | None:
    """Return the zone of the place where a customer is, if the policy knows the place by a name of its own zone."""
    places = [customer.visiting_region] if customer.visiting_region else [customer.city, customer.home_region]
    told = (
        zone
        for place in places
        if place is not None
        for name, zone in rule.zones.items()
        if name.casefold() in place.casefold()
    )
    return next(told, None)


@lru_cache(maxsize=1024)
def shared(own: Window, contact_hours: str | None) -> tuple[Window, ...]:
    """Return what the customer's hours and the pack's have in common; hours that are none count as not given."""
    if contact_hours is None:
        return (own,)
    begin, end = (_minutes(each) for each in contact_hours.split("-"))
    if begin is None or end is None or begin == end:
        return (own,)
    # From evening to morning: both ends of the day.
    spans = [(begin, end)] if begin < end else [(0, end), (begin, 24 * 60)]
    first, last = (each.hour * 60 + each.minute for each in own)
    common = [(max(begin, first), min(end, last)) for begin, end in spans]
    return tuple((time(*divmod(begin, 60)), time(*divmod(end, 60))) for begin, end in common if begin < end)


def _minutes(text: str) -> int | None:
    """Return minutes since midnight; 24:00 is the end of the day."""
    hours, minutes = (int(each) for each in text.split(":"))
    told = hours * 60 + minutes
    return told if told <= 24 * 60 else None
