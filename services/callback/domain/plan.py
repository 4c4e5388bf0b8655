"""When the customer is asked (R5.3, DECISIONS 19). Pure."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from services.domain.calendar import Calendar
from services.domain.care import CallbackRule

DAY = timedelta(days=1)


def first(rule: CallbackRule, answered_at: datetime, *, vip: bool, zone: str, holidays: Calendar | None) -> datetime:
    """Return when the customer is asked for the first time, in UTC."""
    wait = rule.first_after_vip if vip else rule.first_after
    return within_hours(rule, answered_at + wait.length, zone=zone, holidays=holidays)


def again(rule: CallbackRule, asked_at: datetime, *, zone: str, holidays: Calendar | None) -> datetime:
    """Return when the customer is asked again, or given up on after the last attempt."""
    return within_hours(rule, asked_at + rule.retry_after.length, zone=zone, holidays=holidays)


def within_hours(rule: CallbackRule, at: datetime, *, zone: str, holidays: Calendar | None) -> datetime:
    """Return the first instant from `at` on at which a customer may be asked: in hours, on no holiday's first day."""
    local = at.astimezone(ZoneInfo(zone))
    day = local.date()
    while True:
        opening = datetime.combine(day, rule.hours_from, ZoneInfo(zone))
        closing = datetime.combine(day, rule.hours_until, ZoneInfo(zone))
        if local < closing and not _begins_holiday(day, holidays):
            return max(local, opening).astimezone(UTC)
        day += DAY
        local = datetime.combine(day, rule.hours_from, ZoneInfo(zone))


def _begins_holiday(day: date, holidays: Calendar | None) -> bool:
    if holidays is None or holidays.days is None:
        return False
    listed = holidays.days.holidays
    return day in listed and day - DAY not in listed
