"""Quiet hours: when a reader is not to be woken by what can wait. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Hours of the day, in a time zone, in which nothing is sent; they may go over midnight."""

    begin: time
    end: time
    zone: str

    def over_at(self, at: datetime) -> datetime | None:
        """Return the end of the quiet hours that an instant lies in, in UTC; None outside them."""
        local = at.astimezone(ZoneInfo(self.zone))
        now = local.time()
        over_midnight = self.begin > self.end
        quiet = (now >= self.begin or now < self.end) if over_midnight else self.begin <= now < self.end
        if not quiet:
            return None
        day = local.date() + timedelta(days=1 if over_midnight and now >= self.begin else 0)
        return datetime.combine(day, self.end, ZoneInfo(self.zone)).astimezone(UTC)
