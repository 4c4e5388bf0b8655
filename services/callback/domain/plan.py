"""When and how the customer is asked (R5.3, DECISIONS 19). Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from schemas.ticket import Ticket
from services.domain.calendar import Calendar
from services.domain.care import CallbackRule
from services.domain.policy import Facts

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
PHONE = "phone"


@dataclass(frozen=True, slots=True)
class Hours:
    """The hours in which customers may be asked.

    Attributes:
        rule: of the pack.
        zone: the customers' time zone.
        holidays: the calendar that knows them.

    """

    rule: CallbackRule
    zone: str
    holidays: Calendar | None

    def first(self, answered_at: datetime, *, vip: bool) -> datetime:
        """Return when the customer is asked for the first time, in UTC."""
        wait = self.rule.first_after_vip if vip else self.rule.first_after
        return self.within(answered_at + wait.length)

    def again(self, asked_at: datetime) -> datetime:
        """Return when the customer is asked again, or given up on after the last attempt."""
        return self.within(asked_at + self.rule.retry_after.length)

    def within(self, at: datetime) -> datetime:
        """Return the first instant from `at` on at which a customer may be asked; never on a holiday's first day."""
        local = at.astimezone(ZoneInfo(self.zone))
        day = local.date()
        while True:
            opening = datetime.combine(day, self.rule.hours_from, ZoneInfo(self.zone))
            closing = datetime.combine(day, self.rule.hours_until, ZoneInfo(self.zone))
            if local < closing and not self._begins_holiday(day):
                return max(local, opening).astimezone(UTC)
            day += DAY
            local = datetime.combine(day, self.rule.hours_from, ZoneInfo(self.zone))

    def slot(self, at: datetime, planned: Mapping[datetime, int], most: int) -> datetime:
        """Return the first instant from `at` on in whose hour the team has a call to spare.

        Args:
            at: when the customer would be called.
            planned: calls by the full hour in which they are planned, UTC.
            most: calls in an hour.

        """
        while planned.get(at.replace(minute=0, second=0, microsecond=0), 0) >= most:
            at = self.within(at.replace(minute=0, second=0, microsecond=0) + HOUR)
        return at

    def _begins_holiday(self, day: date) -> bool:
        if self.holidays is None or self.holidays.days is None:
            return False
        listed = self.holidays.days.holidays
        return day in listed and day - DAY not in listed


def means(rule: CallbackRule, ticket: Ticket, facts: Facts) -> str:
    """Return how the customer is asked: by a person's call, or in writing."""
    called = ticket.customer.preferred_means == PHONE or any(each.holds(facts) for each in rule.by_phone)
    return PHONE if called and ticket.customer.phone else rule.means
