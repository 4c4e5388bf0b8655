"""When a customer may be asked: within the pack's hours and the customer's own, in local time (R5.3). Pure."""

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
MAX_DAYS_AHEAD = 60
"""Days in which a slot is searched; no row of holidays is as long."""

Window = tuple[time, time]
"""From and until, local time."""


class CallSlot(NamedTuple):
    """When a customer is due to be asked, and when that day's window ends; both in UTC."""

    due_at: datetime
    until_at: datetime


@dataclass(frozen=True, slots=True)
class CallingHours:
    """The hours in which a customer may be asked.

    Attributes:
        rule: the pack's callback rule.
        zone: time zone of the customer.
        windows: of a day, in order.
        holidays: the calendar of public holidays; None: holidays do not matter.

    """

    rule: CallbackRule
    zone: ZoneInfo
    windows: tuple[Window, ...]
    holidays: Calendar | None

    @classmethod
    def of(cls, pack: Pack, zone: str | None = None, contact_hours: str | None = None) -> Self:
        """Return the hours of a customer.

        Args:
            pack: policy pack of the customer's ticket.
            zone: time zone of the customer; None: the pack's.
            contact_hours: the customer's own, such as 18:00-21:00. Hours wholly outside the pack's cannot be kept,
                since nobody is there to call; then the pack's hours count.

        """
        rule = pack.outcome.callback
        holidays = pack.calendars[rule.holidays] if rule.holidays is not None else None
        own = (rule.hours_from, rule.hours_until)
        return cls(rule, ZoneInfo(zone or pack.header.zone), common_windows(own, contact_hours) or (own,), holidays)

    def first_slot(self, answered_at: datetime, now: datetime, *, vip: bool) -> CallSlot:
        """Return when the customer is asked for the first time; never before now."""
        wait = self.rule.first_after_vip if vip else self.rule.first_after
        return self.next_slot(max(answered_at + wait.length, now))

    def retry_slot(self, asked_at: datetime, now: datetime) -> CallSlot:
        """Return when the customer is asked again, or given up on after the last attempt; never before now."""
        return self.next_slot(max(asked_at + self.rule.retry_after.length, now))

    def next_slot(self, at: datetime) -> CallSlot:
        """Return the first slot from `at` on; never on the first day of a public holiday.

        Raises:
            ValueError: there is none within 60 days, so the calendar must be wrong.

        """
        today = at.astimezone(self.zone).date()
        for ahead in range(MAX_DAYS_AHEAD):
            day = today + ahead * DAY
            if self._begins_holiday(day):
                continue
            for opening, closing in self.windows:
                until = datetime.combine(day, closing, self.zone).astimezone(UTC)
                if at < until:
                    return CallSlot(
                        max(at.astimezone(UTC), datetime.combine(day, opening, self.zone).astimezone(UTC)), until
                    )
        raise ValueError(
            f"no customer can be asked in the {MAX_DAYS_AHEAD} days from {at}: correct the calendar of public holidays"
        )

    def _begins_holiday(self, day: date) -> bool:
        if self.holidays is None or self.holidays.days is None:
            return False
        listed = self.holidays.days.holidays
        return day in listed and day - DAY not in listed


def customer_zone(rule: CallbackRule, customer: Customer) -> str | None:
    """Return the time zone of a customer's place, if the rule lists one for it; None: the pack's zone counts."""
    places = [customer.visiting_region] if customer.visiting_region else [customer.city, customer.home_region]
    matches = (
        zone
        for place in places
        if place is not None
        for name, zone in rule.zones.items()
        if name.casefold() in place.casefold()
    )
    return next(matches, None)


@lru_cache(maxsize=1024)
def common_windows(own: Window, contact_hours: str | None) -> tuple[Window, ...]:
    """Return what the customer's hours and the pack's have in common; invalid hours count as not given."""
    if contact_hours is None:
        return (own,)
    begin, end = (_parse_minutes(text) for text in contact_hours.split("-"))
    if begin is None or end is None or begin == end:
        return (own,)
    # Hours over midnight are both ends of the day.
    spans = [(begin, end)] if begin < end else [(0, end), (begin, 24 * 60)]
    first, last = (at.hour * 60 + at.minute for at in own)
    common = [(max(begin, first), min(end, last)) for begin, end in spans]
    return tuple((time(*divmod(begin, 60)), time(*divmod(end, 60))) for begin, end in common if begin < end)


def _parse_minutes(text: str) -> int | None:
    """Return minutes since midnight; 24:00 is the end of the day, and later is None."""
    hours, minutes = (int(part) for part in text.split(":"))
    total = hours * 60 + minutes
    return total if total <= 24 * 60 else None
