"""The source of business time: real time, or a scaled clock for demos and acceptance tests (DESIGN 5).

Only business time is scaled. Timeouts, backoff, record timestamps and signatures use real time.
"""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Business time, and its relation to real time."""

    def now(self) -> datetime:
        """Return the present business time, in UTC."""
        ...

    def real_now(self) -> datetime:
        """Return the present real time, in UTC, for what is not business: signatures, leases, retries."""
        ...

    def at(self, real: datetime) -> datetime:
        """Return the business time of a real instant, in UTC."""
        ...

    def real_seconds(self, span: timedelta) -> float:
        """Return how many real seconds a span of business time takes."""
        ...

    def business_span(self, seconds: float) -> timedelta:
        """Return how much business time passes in a number of real seconds."""
        ...


class SystemClock:
    """The clock of production: business time is real time."""

    def now(self) -> datetime:
        """Return the present time, in UTC."""
        return datetime.now(UTC)

    def real_now(self) -> datetime:
        """Return the present time, in UTC."""
        return datetime.now(UTC)

    def at(self, real: datetime) -> datetime:
        """Return the instant itself."""
        return real

    def real_seconds(self, span: timedelta) -> float:
        """Return the span in seconds."""
        return span.total_seconds()

    def business_span(self, seconds: float) -> timedelta:
        """Return the seconds as a span."""
        return timedelta(seconds=seconds)


@dataclass(frozen=True)
class ScaledClock:
    """A clock whose real second is `scale` seconds of business time, counted from a fixed origin.

    Attributes:
        scale: seconds of business time in one real second, above 0.
        real_origin: the real instant, in UTC, at which business time stood at `business_origin`.
        business_origin: the business instant, in UTC, at `real_origin`.

    """

    scale: float
    real_origin: datetime
    business_origin: datetime

    def now(self) -> datetime:
        """Return the present business time, in UTC."""
        return self.at(self.real_now())

    def real_now(self) -> datetime:
        """Return the present real time, in UTC."""
        return datetime.fromtimestamp(time.time(), UTC)

    def at(self, real: datetime) -> datetime:
        """Return the business time of a real instant, in UTC."""
        return self.business_origin + (real - self.real_origin) * self.scale

    def real_seconds(self, span: timedelta) -> float:
        """Return how many real seconds a span of business time takes."""
        return span.total_seconds() / self.scale

    def business_span(self, seconds: float) -> timedelta:
        """Return how much business time passes in a number of real seconds."""
        return timedelta(seconds=seconds * self.scale)
