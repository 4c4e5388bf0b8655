"""The clock of a host, held against the database: a wrong one is corrected, a very wrong one refused (DESIGN 4)."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from services.shared.observability import logs
from services.shared.observability.metrics import ClockMetrics
from services.shared.runtime.clock import Clock
from services.shared.runtime.clock_skew import ClockSkewDetector
from services.shared.runtime.errors import Retryable

CHECK_INTERVAL = 60.0
"""Real seconds between two comparisons with the database's time, unless the wall clock has jumped."""
MAX_ERROR = 900.0
"""Real seconds that this host's clock and the database's may be apart: beyond, nobody knows which of them is wrong."""

log = logs.get(__name__)


class ClockRefused(Retryable):
    """The clocks of this host and of the database are too far apart to decide anything by them."""


class HostClock:
    """Real time of this host, corrected by the database's; safe to use from several threads.

    Args:
        metrics: of the clock.
        wall: returns the wall time, in seconds since 1970.
        monotonic: returns monotonic time, in seconds.

    """

    def __init__(
        self,
        metrics: ClockMetrics,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._metrics = metrics
        self._wall = wall
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._skew = ClockSkewDetector(wall(), monotonic())
        self._compared_at = float("-inf")

    def now(self) -> datetime:
        """Return the real time in UTC, whatever the wall clock has done.

        Raises:
            ClockRefused: it is more than `MAX_ERROR` from the database's.

        """
        wall = self._observe()
        if (problem := self.problem) is not None:
            raise ClockRefused(problem)
        return datetime.fromtimestamp(wall - self._skew.error, UTC)

    def _observe(self) -> float:
        """Return the wall time, once it is known whether it has jumped."""
        with self._lock:
            # The wall clock is read once: a jump between two readings would go unnoticed.
            before, wall, after = self._monotonic(), self._wall(), self._monotonic()
            jump = self._skew.observe(wall, before, after)
        if jump:
            self._metrics.jumps.labels("forward" if jump > 0 else "backward").inc()
            log.error("clock_jumped", seconds=round(jump, 3))
        return wall

    @property
    def compared(self) -> bool:
        """Whether it was compared with the database's time at all; a clock may be wrong from the start."""
        return self._compared_at > float("-inf")

    @property
    def problem(self) -> str | None:
        """Why this clock is refused, as a sentence; None while it is not."""
        error = self._skew.error
        if abs(error) <= MAX_ERROR:
            return None
        side = "ahead of" if error > 0 else "behind"
        return f"this host's clock is {abs(error):.0f} s {side} the database's: synchronise both hosts, as by NTP"

    def compare(self, reference: datetime, asked_at: float) -> None:
        """Take notice of the database's time: at the start, after a jump, and once a minute it corrects this clock.

        Args:
            reference: the database's time, from an answer that has just arrived.
            asked_at: monotonic time before it was asked, in seconds.

        """
        self._observe()
        with self._lock:
            if not self._skew.needs_check and self._monotonic() - self._compared_at < CHECK_INTERVAL:
                return
            before, wall, after = self._skew.error, self._wall(), self._monotonic()
            self._skew.correct(wall, after, reference.timestamp(), after - asked_at)
            self._compared_at = after
            error = self._skew.error
        self._metrics.error.set(error)
        if error and not before:
            log.warning("clock_corrected", seconds=round(error, 3))


class TrustedClock:
    """The deployment's business clock by the time of a `HostClock`; what every service stamps and decides by."""

    def __init__(self, clock: Clock, host: HostClock) -> None:
        self._clock = clock
        self._host = host

    def now(self) -> datetime:
        """Return the present business time, in UTC.

        Raises:
            ClockRefused: this host's clock is too far from the database's.

        """
        return self._clock.at(self._host.now())

    def real_now(self) -> datetime:
        """Return the present real time, in UTC; raises as `now`."""
        return self._host.now()

    def at(self, real: datetime) -> datetime:
        """Return the business time of a real instant, in UTC."""
        return self._clock.at(real)

    def real_seconds(self, span: timedelta) -> float:
        """Return how many real seconds a span of business time takes."""
        return self._clock.real_seconds(span)

    def business_span(self, seconds: float) -> timedelta:
        """Return how much business time passes in a number of real seconds."""
        return self._clock.business_span(seconds)
