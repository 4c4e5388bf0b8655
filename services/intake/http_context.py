"""Shared state and operations of the HTTP and SMTP doors: rate limits, publishing, and waiting for outcomes."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from fastapi import Request

from services.domain.channels import OWN_FORMAT
from services.domain.policy.pack import Pack
from services.intake import problems
from services.intake.accepted_commands import AcceptedCommands
from services.intake.ingest import Ingestor
from services.intake.metrics import IntakeMetrics
from services.intake.rate_limit import RateLimiter
from services.intake.senders import Sender, SenderRegistry
from services.intake.settings import IntakeSettings
from services.shared.kafka.records import Outgoing
from services.shared.kafka.rejected_records import Unpublishable
from services.shared.kafka.request_publisher import RequestPublisher
from services.shared.observability import logs
from services.shared.postgres.database import Database
from services.shared.runtime.clock import Clock
from services.shared.runtime.errors import ConfigurationError, Problem, Retryable

ANSWER_WITHIN = 4.5
"""Real seconds after which a caller is not kept waiting for the database any longer."""
POLL_SECONDS = 0.1
"""Real seconds between two queries for an outcome that a caller waits for."""

T = TypeVar("T")

log = logs.get(__name__)


@dataclass
class HttpContext:
    """What the routes need.

    Attributes:
        settings: settings of the service.
        database: database with keys and outcomes.
        senders: the keys in force.
        publisher: publishes records and waits for their acknowledgement.
        metrics: the counters.
        ingestor: parses messages and stores their attachments.
        rate_limiter: the senders' rate limits.
        clock: the business clock; None until the database has been reached once.
        packs: the policy packs in force, by name; empty until then.
        accepted: the commands that were accepted last.

    """

    settings: IntakeSettings
    database: Database
    senders: SenderRegistry
    publisher: RequestPublisher
    metrics: IntakeMetrics
    ingestor: Ingestor
    rate_limiter: RateLimiter = field(default_factory=RateLimiter)
    clock: Clock | None = None
    packs: Mapping[str, Pack] = field(default_factory=dict)
    accepted: AcceptedCommands = field(default_factory=AcceptedCommands)

    def check_rate(self, sender: Sender, count: int = 1) -> None:
        """Count messages against the rate limit of a sender; a count of 0 only checks whether one would be allowed.

        Raises:
            Problem: 429 with Retry-After when the limit is exceeded, and nothing is counted then, or when the sender is
                barred.

        """
        self.senders.require_not_barred(sender.name)
        wait = self.rate_limiter.take(sender.name, sender.per_minute, count)
        if wait > 0:
            allowance = f"{sender.name} may send {sender.per_minute} messages a minute"
            raise problems.too_many("Too many messages", allowance, wait)

    def channel_label(self, sender: Sender, channel: str) -> str:
        """Return how metrics and logs name a channel: itself where we or the key know it, else `other`.

        A key for every channel may write anything as the channel, also a name.
        """
        known = channel in self.ingestor.channels or channel in OWN_FORMAT or channel in sender.channels
        return channel if known else "other"

    def check_reading_rate(self, sender: Sender, *, search: bool = False) -> None:
        """Count a reading against the rate limit of a sender, and a search for a person against its own limit as well.

        Readings are counted apart from messages, so that asking for their outcomes keeps no message out.

        Raises:
            Problem: 429 with Retry-After when a limit is exceeded.

        """
        self._take(f"{sender.name}/read", sender.per_minute, f"{sender.name} may read")
        if search:
            self._take(f"{sender.name}/search", self.settings.searches_per_minute, f"{sender.name} may search")

    def _take(self, bucket: str, per_minute: int | None, who_may: str) -> None:
        wait = self.rate_limiter.take(bucket, per_minute, 1)
        if wait > 0:
            raise problems.too_many("Too many requests", f"{who_may} {per_minute} times a minute", wait)

    def require_clock(self) -> Clock:
        """Return the business clock.

        Raises:
            Problem: 503 while the service is still starting, or while this host's clock is refused.

        """
        if self.clock is None:
            raise problems.unavailable("the service is starting: try again")
        try:
            self.clock.now()
        except Retryable as error:
            raise problems.unavailable(str(error)) from error
        return self.clock

    async def publish(self, records: list[Outgoing]) -> None:
        """Publish records and wait until the broker has acknowledged them.

        Raises:
            Problem: 413 or 400 for the first that the broker will never take, 503 with Retry-After when it does not
                acknowledge in time.

        """
        for problem in await self.publish_each(records):
            if problem is not None:
                raise problem

    async def publish_each(self, records: list[Outgoing]) -> list[Problem | None]:
        """Publish records and wait until the broker has acknowledged them; one result for each, in their order.

        Returns:
            for each record None, or 413 or 400 when the broker will never take it.

        Raises:
            Problem: 503 with Retry-After when the broker does not acknowledge in time.

        """
        try:
            await self.publisher.publish(records)
        except Retryable as error:
            raise problems.unavailable(f"{error}: send the same again, it will not be counted twice") from error
        except ConfigurationError as error:
            log.error("publisher_misconfigured", error=str(error))  # noqa: TRY400 - an operator needs no trace
            raise problems.misconfigured() from error
        except Unpublishable as error:
            for rejected in error.rejected:
                log.warning("unpublishable", topic=rejected.record.topic, reason=rejected.reason)
            return [problems.of_record(record, error.rejected) for record in records]
        return [None] * len(records)

    async def query(self, read: Callable[[], T]) -> T:
        """Run a query in a thread.

        Raises:
            Problem: 503 when the database is unavailable.

        """
        try:
            # Also when every thread waits for a database that hangs, the caller is answered in time.
            return await asyncio.wait_for(asyncio.to_thread(read), ANSWER_WITHIN)
        except TimeoutError as error:
            raise problems.unavailable("the database does not answer: ask again later") from error
        except Retryable as error:
            raise problems.unavailable(f"{error}: accepted messages are safe, ask for their outcome later") from error

    async def wait_for(
        self, seconds: float, read: Callable[[], T | None], is_complete: Callable[[T], bool]
    ) -> T | None:
        """Repeat a query until its result is complete or the time is over; returns the last result.

        Args:
            seconds: real seconds to wait; 0 queries once.
            read: the query.
            is_complete: whether a result needs no more waiting.

        Raises:
            Problem: 503 when the database is unavailable.

        """
        deadline = time.monotonic() + seconds
        while True:
            result = await self.query(read)
            if (result is not None and is_complete(result)) or time.monotonic() >= deadline:
                return result
            await asyncio.sleep(POLL_SECONDS)


async def read_body(request: Request, max_bytes: int) -> bytes:
    """Read the body of a request without buffering more than the limit.

    Raises:
        Problem: 413 when the body is larger.

    """
    too_large = Problem.about(
        413,
        "Too large",
        field="body",
        reason="too_large",
        what_to_do=f"a body has at most {max_bytes} bytes here: split the file, send attachments by reference",
    )
    if int(request.headers.get("content-length") or 0) > max_bytes:
        raise too_large
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            raise too_large
    return bytes(body)
