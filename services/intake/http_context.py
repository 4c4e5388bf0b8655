"""What the HTTP door needs, and how it takes in bodies, publishes, and looks for outcomes."""

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from fastapi import Request

from services.intake import problems
from services.intake.ingest import Ingestor
from services.intake.metrics import IntakeMetrics
from services.intake.rate_limit import RateLimiter
from services.intake.senders import Sender, SenderRegistry
from services.intake.settings import IntakeSettings
from services.shared.kafka.records import Outgoing
from services.shared.kafka.request_publisher import RequestPublisher
from services.shared.postgres.database import Database
from services.shared.runtime.clock import Clock
from services.shared.runtime.errors import Problem, Retryable

POLL_SECONDS = 0.1
"""Seconds between two looks for an outcome that a caller waits for."""

T = TypeVar("T")


@dataclass
class HttpContext:
    """What the door needs; the clock is missing until the database was reached once."""

    settings: IntakeSettings
    database: Database
    senders: SenderRegistry
    publisher: RequestPublisher
    metrics: IntakeMetrics
    ingestor: Ingestor
    rate_limiter: RateLimiter = field(default_factory=RateLimiter)
    clock: Clock | None = None

    def check_rate(self, who: Sender, count: int = 1) -> None:
        """Let messages of a sender pass, within its rate; a count of 0 only asks whether one may.

        Raises:
            Problem: 429 with Retry-After.

        """
        wait = self.rate_limiter.take(who.name, who.per_minute, count)
        if wait > 0:
            seconds = str(math.ceil(wait))
            raise Problem.about(
                429,
                "Too many messages",
                field="Authorization",
                reason="too_many",
                what_to_do=f"{who.name} may send {who.per_minute} messages a minute: send it again in {seconds} s",
                headers={"Retry-After": seconds},
            )

    def require_clock(self) -> Clock:
        """Return the clock.

        Raises:
            Problem: 503, before the first start is complete.

        """
        if self.clock is None:
            raise problems.unavailable("the service is starting: try again")
        return self.clock

    async def publish(self, records: list[Outgoing]) -> None:
        """Publish and wait for the acknowledgement.

        Raises:
            Problem: 503 with Retry-After.

        """
        try:
            await self.publisher.publish(records)
        except Retryable as error:
            raise problems.unavailable(f"{error}: send the same again, it will not be counted twice") from error

    async def query(self, read: Callable[[], T]) -> T:
        """Read from the database.

        Raises:
            Problem: 503 while it is away.

        """
        try:
            return await asyncio.to_thread(read)
        except Retryable as error:
            raise problems.unavailable(
                f"{error}: what was accepted is safe, its outcome can be asked for later"
            ) from error

    async def wait_for(self, seconds: float, read: Callable[[], T | None], enough: Callable[[T], bool]) -> T | None:
        """Look for an outcome until it is there or the time is over.

        Raises:
            Problem: 503 while the database is away.

        """
        until = time.monotonic() + seconds
        while True:
            found = await self.query(read)
            if (found is not None and enough(found)) or time.monotonic() >= until:
                return found
            await asyncio.sleep(POLL_SECONDS)


async def read_body(request: Request, most: int) -> bytes:
    """Read a body up to a bound, without taking in what is beyond it.

    Raises:
        Problem: 413.

    """
    too_large = Problem.about(
        413,
        "Too large",
        field="body",
        reason="too_large",
        what_to_do=f"a body is at most {most} bytes here: cut a file in two, send attachments by reference",
    )
    if int(request.headers.get("content-length") or 0) > most:
        raise too_large
    taken = bytearray()
    async for part in request.stream():
        taken += part
        if len(taken) > most:
            raise too_large
    return bytes(taken)
