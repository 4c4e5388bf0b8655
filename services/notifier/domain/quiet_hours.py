"""Quiet hours: the hours of the day in which notices that can wait are not sent. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Hours of the day in a time zone in which nothing is sent; they may span midnight.

    Attributes:
        begin: local time at which they begin.
        end: local time at which they end; not included.
        zone: IANA name of the time zone.

    """

    begin: time
    end: time
    zone: str

    def ends_at(self, at: datetime) -> datetime | None:
        """Return the end, in UTC, of the quiet hours that an instant lies in; None outside them."""
        local = at.astimezone(ZoneInfo(self.zone))
        now = local.time()
        spans_midnight = self.begin > self.end
        quiet = (now >= self.begin or now < self.end) if spans_midnight else self.begin <= now < self.end
        if not quiet:
            return None
        day = local.date() + timedelta(days=1 if spans_midnight and now >= self.begin else 0)
        return datetime.combine(day, self.end, ZoneInfo(self.zone)).astimezone(UTC)
