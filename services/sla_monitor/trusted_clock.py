"""What time it is for the monitor: business time that a jump of this machine's clock does not move (DESIGN 4)."""

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

ASK_EVERY = 60.0
"""Real seconds between two questions for the database's time."""

log = logs.get(__name__)


class TrustedClock:
    """Tells business time, and holds the wall clock against the database's."""

    def __init__(self, database: Database, clock: Clock, metrics: MonitorMetrics) -> None:
        self._database = database
        self._clock = clock
        self._metrics = metrics
        self._vigilance = ClockSkewDetector(time.time(), time.monotonic())
        self._asked = float("-inf")
        self._trusted = asyncio.Event()

    async def trusted(self) -> None:
        """Return once the database has told the time: a clock that was wrong from the start would fire early."""
        await self._trusted.wait()

    def now(self) -> datetime:
        """Return business time, whatever the wall clock has done, in UTC."""
        # One look for both: a jump between two would be believed.
        wall = time.time()
        jump = self._vigilance.look(wall, time.monotonic())
        if jump:
            self._metrics.jumps.labels("forward" if jump > 0 else "backward").inc()
            log.error("clock_jumped", seconds=round(jump, 3))
        return self._clock.at(datetime.fromtimestamp(wall - self._vigilance.error, UTC))

    async def check(self) -> None:
        """Ask the database for the time if it is time to: at the start, after each jump, and now and then."""
        if not self._vigilance.doubtful and time.monotonic() - self._asked <= ASK_EVERY:
            return
        with suppress(Retryable):
            before = time.monotonic()
            theirs = await asyncio.to_thread(self._database.real_time)
            self._asked, took = time.monotonic(), time.monotonic() - before
            half = took / 2
            self._vigilance.settle(time.time() - half, self._asked - half, theirs.timestamp(), took)
            self._metrics.clock_error.set(self._vigilance.error)
            self._trusted.set()
