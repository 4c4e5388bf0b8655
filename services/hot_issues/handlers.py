"""The hot-issue service: records each ticket's kind, evaluates the kinds that changed, and publishes what changed.

State and unpublished changes are saved in one transaction. Publishing is repeated until it is acknowledged, under ids
that stay the same, so a crash at any point neither loses an issue nor publishes it as another. The service waits for
the database for as long as it takes; any other error ends the process, and unsaved events are read again.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

import faust
import msgspec
import psycopg
from mode import Service

from schemas.action import JoinHotIssue
from schemas.command import Actor, Command
from schemas.hot_issue import HotIssue
from services.domain.ids import IssueKey, command_id
from services.hot_issues import store
from services.hot_issues.domain import burst_detection
from services.hot_issues.domain.agent_progress import AgentProgress
from services.hot_issues.domain.signal import TicketSignal, parse_signal
from services.hot_issues.metrics import HotIssueMetrics
from services.hot_issues.settings import HotIssueSettings
from services.hot_issues.store import IssueMembership
from services.shared.kafka.async_publisher import AsyncPublisher
from services.shared.kafka.dead_letters import UNKNOWN_SENDER, DeadLetterCandidate, Limits
from services.shared.kafka.faust_service import publish_dead_letters
from services.shared.kafka.producer import Unacknowledged
from services.shared.kafka.records import Incoming, outgoing
from services.shared.kafka.unreadable_batches import RawBatch
from services.shared.observability import logs
from services.shared.observability.health_server import Health
from services.shared.postgres.database import Database
from services.shared.runtime.clock import Clock
from services.shared.runtime.crash_points import CrashPoints
from services.shared.runtime.errors import Retryable

NAME = "hot_issues"
ACTOR = Actor(kind="service", name=NAME)
MAX_BATCH = 500
BATCH_WINDOW = 0.5
"""Real seconds that an event waits for others, unless the batch is full."""
DATABASE_RETRY = 1.0
"""Real seconds between two attempts to reach the database."""
PURGE_INTERVAL = 3600.0
PUBLISH_INTERVAL = 0.5
"""Real seconds, both."""
IDLE = 5.0
"""Real seconds between two signs of life of a loop that has nothing to do."""
AGENT_HANGS_AFTER = 10.0
"""Real seconds without an event handled, although some wait, after which the agent counts as hanging."""
EVENTS, CHANGES, REVIEW, PURGE, AGENT = "events", "changes", "review", "purge", "agent"
"""The service's loops, as the health pages name them."""

ResultT = TypeVar("ResultT")

log = logs.get(__name__)


class BurstDetector(faust.Service):  # type: ignore[misc]  # the library has no types
    """Counts complaints by kind and keeps the hot issues up to date."""

    def __init__(
        self,
        settings: HotIssueSettings,
        database: Database,
        clock: Clock,
        health: Health,
        metrics: HotIssueMetrics,
        publisher: AsyncPublisher,
        measure_lag: Callable[[], int] = lambda: 0,
    ) -> None:
        super().__init__()
        self._settings = settings
        self._database = database
        self._clock = clock
        self._health = health
        self._metrics = metrics
        self._publisher = publisher
        self._crash_points = CrashPoints(settings.faults, NAME)
        self._pending: asyncio.Queue[Any] = asyncio.Queue(MAX_BATCH)
        self._measure_lag = measure_lag
        self._handled = 0

    async def on_stop(self) -> None:
        """Disconnect; called by the library."""
        await self._publisher.close()

    async def submit(self, event: Any) -> None:
        """Queue an event of the Faust app; it is acknowledged once its effects are saved."""
        await self._pending.put(event)

    @Service.task  # type: ignore[untyped-decorator]  # the library has no types
    async def process_events(self) -> None:
        """Handle queued events in batches; an error ends the service before the batch is acknowledged."""
        while not self._must_stop(EVENTS):
            try:
                events = [await asyncio.wait_for(self._pending.get(), IDLE)]
            except TimeoutError:
                continue
            if not self._pending.full():
                await self.sleep(BATCH_WINDOW)
            while not self._pending.empty():
                events.append(self._pending.get_nowait())
            await self.handle_records([event.message for event in events])
            if self.should_stop:
                # Dead letters may not have been published, so nothing is acknowledged.
                return
            for event in events:
                event.ack()
            self._handled += len(events)

    async def handle_records(self, records: Sequence[Any]) -> None:
        """Handle records of tickets.events; returns when their effects are saved.

        Raises:
            TooManyBugs: our own code failed on too many of them.

        """
        signals: list[TicketSignal] = []
        invalid: list[DeadLetterCandidate] = []
        for record in records:
            if isinstance(record.value, RawBatch):
                unreadable = Incoming.from_client(record)
                invalid.append(DeadLetterCandidate.from_raw_batch(unreadable, record.value, UNKNOWN_SENDER))
                continue
            try:
                signal = parse_signal(record.value)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                reason = "bad_schema" if isinstance(error, msgspec.ValidationError) else "bad_syntax"
                message = f"body: no ticket event ({error})"
                invalid.append(
                    DeadLetterCandidate(Incoming.from_client(record), reason, message[:200], None, UNKNOWN_SENDER)
                )
            else:
                if signal is not None:
                    signals.append(signal)
        if invalid:
            limits = Limits.of(self._settings)
            await publish_dead_letters(
                invalid, NAME, self._publisher, self._database, limits, lambda: self._must_stop(EVENTS)
            )
        if signals:
            await self._in_transaction(partial(self._save_signals, signals=signals), EVENTS)
            self._crash_points.reach("after_save")
            times: defaultdict[IssueKey, list[datetime]] = defaultdict(list)
            for signal in signals:
                times[signal.key].append(signal.at)
            await self._evaluate(times, EVENTS)
            self._crash_points.reach("before_offset_commit")

    @Service.task  # type: ignore[untyped-decorator]  # the library has no types
    async def publish_changes(self) -> None:
        """Publish saved changes, a few at a time: a burst of thousands must not fill the ledger's topic at once."""
        while not self.should_stop:
            issues, links = await self._in_transaction(
                lambda connection: (store.unpublished_issues(connection), store.unpublished_links(connection)), CHANGES
            )
            if issues or links:
                await self._publish(issues, links)
            await self.sleep(PUBLISH_INTERVAL)

    @Service.task  # type: ignore[untyped-decorator]  # the library has no types
    async def review_unclosed_issues(self) -> None:
        """Evaluate every issue that is not closed, whether new tickets come or not."""
        while not self.should_stop:
            unclosed = await self._in_transaction(store.unclosed_issues, REVIEW)
            self._metrics.unclosed.set(len(unclosed))
            await self._evaluate({_key_of(issue): () for issue in unclosed}, REVIEW)
            await self._idle(self._settings.look_every, REVIEW)

    @Service.task  # type: ignore[untyped-decorator]  # the library has no types
    async def purge_hourly(self) -> None:
        """Delete old signals once an hour."""
        while not self.should_stop:
            await self.purge_old_signals()
            await self._idle(PURGE_INTERVAL, PURGE)

    async def purge_old_signals(self) -> None:
        """Delete every signal that is too old to count towards the usual number."""
        now = await self._now(PURGE)
        while await self._in_transaction(partial(store.delete_old_signals, now=now), PURGE):
            pass

    @Service.task  # type: ignore[untyped-decorator]  # the library has no types
    async def watch_agent(self) -> None:
        """Notice an agent that hangs: events wait for this member, and none has been handled for a while.

        It sends no sign of life then, so that whoever looks at /livez starts the service anew.
        """
        progress = AgentProgress(time.monotonic())
        while not self.should_stop:
            try:
                lag = await asyncio.to_thread(self._measure_lag)
            except Retryable:
                lag = 0
            self._metrics.lag.set(lag)
            excused = bool(self._health.not_ready.keys() & {EVENTS, "database", "kafka"})
            waited = progress.observe(time.monotonic(), lag=lag, handled=self._handled, excused=excused)
            if waited < AGENT_HANGS_AFTER:
                self._health.heartbeat(AGENT)
                self._health.mark_ready(AGENT)
            else:
                self._health.mark_not_ready(AGENT, f"{lag} events wait, and none was handled for {waited:.0f} s")
            await self.sleep(IDLE)

    def _save_signals(self, connection: psycopg.Connection, signals: Sequence[TicketSignal]) -> None:
        store.save_signals(connection, signals)
        self._crash_points.reach("before_save")

    async def _evaluate(self, times: Mapping[IssueKey, Sequence[datetime]], loop: str) -> None:
        """Evaluate kinds, each with the times of the events that changed it."""
        for key in sorted(times):
            now = await self._now(loop)
            instants = burst_detection.evaluation_times(times[key], now)
            issue = await self._in_transaction(partial(evaluate, key=key, instants=instants, now=now), loop)
            if issue is not None:
                self._metrics.changes.labels(issue.status).inc()
                id_, status, tickets, version = str(issue.id), issue.status, issue.tickets, issue.version
                log.info("hot_issue", issue=id_, status=status, tickets=tickets, version=version)

    async def _publish(self, issues: Sequence[HotIssue], links: Sequence[IssueMembership]) -> None:
        records = [outgoing(issue, NAME) for issue in issues]
        records += [outgoing(link_command(link), NAME) for link in links]
        try:
            rejected = await self._publisher.publish(records)
        except Unacknowledged as error:
            self._health.mark_not_ready("publish", f"the broker does not take records ({error.reason})")
            return
        self._health.mark_ready("publish")
        # What became a dead letter counts as published, too: otherwise it would be tried for ever.
        await self._in_transaction(partial(store.mark_published, links=links, issues=issues), CHANGES)
        self._metrics.linked.inc(len(links) - sum(each.record.topic == Command.TOPIC for each in rejected))

    async def _in_transaction(self, work: Callable[[psycopg.Connection], ResultT], loop: str) -> ResultT:
        """Run work in a transaction off the event loop; retries until the database is available."""
        while True:
            # Waiting for the database is no reason for a restart.
            self._health.heartbeat(loop)
            try:
                result = await asyncio.to_thread(self._run_in_transaction, work)
            except Retryable as error:
                self._health.mark_not_ready(loop, str(error))
                await asyncio.sleep(DATABASE_RETRY)
            else:
                self._health.mark_ready(loop)
                return result

    async def _now(self, loop: str) -> datetime:
        """Return business time; waits while this host's clock is refused."""
        while True:
            self._health.heartbeat(loop)
            with suppress(Retryable):
                return self._clock.now()
            await asyncio.sleep(DATABASE_RETRY)

    async def _idle(self, seconds: float, loop: str) -> None:
        """Sleep with signs of life."""
        until = time.monotonic() + seconds
        while not self._must_stop(loop) and (remaining := until - time.monotonic()) > 0:
            await self.sleep(min(remaining, IDLE))

    def _must_stop(self, loop: str) -> bool:
        """Return whether the service stops; a loop that asks this is alive, whatever it waits for."""
        self._health.heartbeat(loop)
        return bool(self.should_stop)

    def _run_in_transaction(self, work: Callable[[psycopg.Connection], ResultT]) -> ResultT:
        with self._database.transaction() as connection:
            return work(connection)


def evaluate(
    connection: psycopg.Connection, key: IssueKey, instants: Sequence[datetime], now: datetime
) -> HotIssue | None:
    """Open a kind's issue or update the one that is not closed, link its tickets, and save, in one transaction.

    Args:
        connection: of the transaction.
        key: the kind of complaint.
        instants: when an issue may have begun; an existing one is evaluated at `now`.
        now: business time.

    Returns:
        The issue as it is saved now; None when nothing changed.

    """
    store.lock(connection, key)
    closed_at = store.last_closed_at(connection, key)
    unclosed = store.unclosed_issue(connection, key)
    if unclosed is not None:
        issue, closing = unclosed
        tickets = store.link_tickets(connection, issue, key, now, closed_at)
        level = store.burst_level(connection, key, now, closed_at)
        after = burst_detection.update_issue(issue, level, tickets, now, closing)
        if after is issue:
            return None
    else:
        levels = ((at, store.burst_level(connection, key, at, closed_at)) for at in instants)
        opened = next(
            (burst_detection.open_issue(key, level, at) for at, level in levels if burst_detection.is_hot(level)), None
        )
        if opened is None:
            return None
        # Saved first, because its members refer to it.
        store.save_issue(connection, opened, key)
        after = opened.replace(tickets=store.link_tickets(connection, opened, key, now, closed_at))
    store.save_issue(connection, after, key)
    return after


def link_command(link: IssueMembership) -> Command:
    """Return the command that links a ticket to its issue; it has the same id and content however often it is sent."""
    return Command(
        id=command_id(link.ticket_id, "hot_issue", 0, str(link.issue_id)),
        ticket_id=link.ticket_id,
        at=link.linked_at,
        actor=ACTOR,
        action=JoinHotIssue(issue=link.issue_id, tickets=link.tickets, opened_at=link.opened_at),
    )


def _key_of(issue: HotIssue) -> IssueKey:
    return IssueKey(issue.policy, issue.business_type, issue.problem_type, issue.region)
