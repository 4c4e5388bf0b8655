"""Business time for the SLA monitor that a jump of this machine's wall clock does not move (DESIGN 4)."""

import asyncio
import time
from contextlib import suppress
from datetime import UTC, datetime

from services.shared.observability import logs
from services.shared.postgres.database import Database
from services.shared.runtime.clock import Clock
from services.shared.runtime.errors import Retryable
from services.sla_monitor.domain.clock_skew import ClockSkewDetector
from services.sla_monitor.metrics import MonitorMetrics

CHECK_INTERVAL = 60.0
"""Real seconds between two comparisons with the database's time."""

log = logs.get(__name__)


class TrustedClock:
    """Business time from the wall clock, corrected by comparing the wall clock with the database's time."""

    def __init__(self, database: Database, clock: Clock, metrics: MonitorMetrics) -> None:
        self._database = database
        self._clock = clock
        self._metrics = metrics
        self._skew = ClockSkewDetector(time.time(), time.monotonic())
        self._checked_at = float("-inf")
        self._trusted = asyncio.Event()

    async def wait_until_trusted(self) -> None:
        """Return after the first comparison with the database: a clock wrong from the start would send ticks early."""
        await self._trusted.wait()

    def now(self) -> datetime:
        """Return business time in UTC, whatever the wall clock has done."""
        # The wall clock is read once: a jump between two readings would go unnoticed.
        before, wall, after = time.monotonic(), time.time(), time.monotonic()
        jump = self._skew.observe(wall, before, after)
        if jump:
            self._metrics.jumps.labels("forward" if jump > 0 else "backward").inc()
            log.error("clock_jumped", seconds=round(jump, 3))
        return self._clock.at(datetime.fromtimestamp(wall - self._skew.error, UTC))

    async def check(self) -> None:
        """Compare with the database's time if that is due: at startup, after a jump, and once a minute."""
        if not self._skew.needs_check and time.monotonic() - self._checked_at <= CHECK_INTERVAL:
            return
        with suppress(Retryable):
            comparison = await asyncio.to_thread(self._compare)
            self._checked_at = time.monotonic()
            self._skew.correct(*comparison)
            self._metrics.clock_error.set(self._skew.error)
            self._trusted.set()

    def _compare(self) -> tuple[float, float, float, float]:
        """Return what `ClockSkewDetector.correct` takes; in the thread that asks, so that no other delays the answer.

        Raises:
            Retryable: the database is unavailable.

        """
        asked_at = time.monotonic()
        reference = self._database.server_time().timestamp()
        wall, after = time.time(), time.monotonic()
        return wall, after, reference, after - asked_at
