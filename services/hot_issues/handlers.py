"""What the service does: take in of what kind tickets are, look at each kind, tell what changed.

State and what is still to be told are saved in one transaction; telling is repeated until it is acknowledged, under ids
that stay the same, so a crash anywhere neither loses an issue nor tells it as another. Waiting for the database never
ends; any other error ends the process, and what it had not saved is read again.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
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
from services.domain.ids import command_id
from services.hot_issues import store
from services.hot_issues.domain import burst_detection
from services.hot_issues.domain.burst_detection import IssueKey
from services.hot_issues.domain.signal import TicketSignal, sign
from services.hot_issues.metrics import HotIssueMetrics
from services.hot_issues.settings import HotIssueSettings
from services.hot_issues.store import IssueMembership
from services.shared.kafka.dead_letters import DeadLetterCandidate
from services.shared.kafka.faust_service import bury
from services.shared.kafka.producer import Producer, Unacknowledged
from services.shared.kafka.records import Incoming, outgoing
from services.shared.observability import logs
from services.shared.observability.health_server import Health
from services.shared.postgres.database import Database
from services.shared.runtime.clock import Clock
from services.shared.runtime.crash_points import CrashPoints
from services.shared.runtime.errors import Retryable

NAME = "hot_issues"
ACTOR = Actor(kind="service", name=NAME)
AT_ONCE = 500
WITHIN = 0.5
"""Real seconds that an event waits for others, unless there are many already."""
AWAY = 1.0
"""Real seconds between two attempts to reach the database."""
FORGET_EVERY = 3600.0
TELL_EVERY = 0.5
"""Real seconds, both."""

T = TypeVar("T")

log = logs.get(__name__)


class BurstDetector(faust.Service):  # type: ignore[misc]  # the library has no types
    """Watches how many complaints of each kind there are."""

    def __init__(
        self,
        settings: HotIssueSettings,
        database: Database,
        clock: Clock,
        health: Health,
        metrics: HotIssueMetrics,
        producer: Producer,
    ) -> None:
        super().__init__()
        self._settings = settings
        self._database = database
        self._clock = clock
        self._health = health
        self._metrics = metrics
        self._producer = producer
        self._faults = CrashPoints(settings.faults, NAME)
        self._waiting: asyncio.Queue[Any] = asyncio.Queue(AT_ONCE)

    async def on_stop(self) -> None:
        """Disconnect."""
        await self._producer.close()

    async def hand_in(self, event: Any) -> None:
        """Hand in an event of the app; it is acknowledged when what it leads to is saved, and else never."""
        await self._waiting.put(event)

    @Service.task  # type: ignore[untyped-decorator]  # the library has no types
    async def work_off(self) -> None:
        """Take in what is handed in, many at once; an error ends the service before anything is acknowledged."""
        while not self.should_stop:
            events = [await self._waiting.get()]
            if not self._waiting.full():
                await self.sleep(WITHIN)
            while not self._waiting.empty():
                events.append(self._waiting.get_nowait())
            await self.take_in([each.message for each in events])
            if self.should_stop:
                # What is told to stop buries no more.
                return
            for each in events:
                each.ack()

    async def take_in(self, records: Sequence[Any]) -> None:
        """Take in records of tickets.events; returns when what they lead to is saved.

        Raises:
            DeadLetterBound: too many of them could not be read.

        """
        signs: list[TicketSignal] = []
        refused: list[DeadLetterCandidate] = []
        for record in records:
            try:
                found = sign(record.value)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                reason = "bad_schema" if isinstance(error, msgspec.ValidationError) else "bad_syntax"
                message = f"body: no ticket event ({error})"
                refused.append(DeadLetterCandidate(Incoming.of(record), reason, message[:200], None, "unknown"))
            else:
                if found is not None:
                    signs.append(found)
        if refused:
            bound = self._settings.dead_letters_per_hour
            await bury(refused, NAME, self._producer, self._database, bound, lambda: self.should_stop)
        if signs:
            await self._saved(partial(self._note, signs=signs))
            self._faults.reach("after_save")
            told: defaultdict[IssueKey, list[datetime]] = defaultdict(list)
            for each in signs:
                told[each.kind].append(each.at)
            await self._look(told)
            self._faults.reach("before_offset_commit")

    @Service.task  # type: ignore[untyped-decorator]  # the library has no types
    async def tell(self) -> None:
        """Publish what is saved and not told yet; a burst of thousands must not fill the ledger's topic at once."""
        while not self.should_stop:
            issues, links = await self._saved(lambda each: (store.unpublished(each), store.untold(each)))
            if issues or links:
                await self._publish(issues, links)
            await self.sleep(TELL_EVERY)

    @Service.task  # type: ignore[untyped-decorator]  # the library has no types
    async def look_again(self) -> None:
        """Look at every issue that is not closed, whether anything comes in or not."""
        while not self.should_stop:
            unclosed = await self._saved(store.unclosed)
            self._health.have("start")
            self._metrics.unclosed.set(len(unclosed))
            await self._look({_kind(each): () for each in unclosed})
            await self.sleep(self._settings.look_every)

    @Service.task  # type: ignore[untyped-decorator]  # the library has no types
    async def clear_away(self) -> None:
        """Forget what counts no more, once an hour."""
        while not self.should_stop:
            await self.forget()
            await self.sleep(FORGET_EVERY)

    async def forget(self) -> None:
        """Let go of every ticket that counts no more."""
        now = self._clock.now()
        while await self._saved(partial(store.forget, now=now)):
            pass

    def _note(self, connection: psycopg.Connection, signs: Sequence[TicketSignal]) -> None:
        store.note(connection, signs)
        self._faults.reach("before_save")

    async def _look(self, told: Mapping[IssueKey, Sequence[datetime]]) -> None:
        """Look at kinds, each with the times of the events that told of it."""
        for kind in sorted(told):
            now = self._clock.now()
            moments = burst_detection.moments(told[kind], now)
            changed = await self._saved(partial(judge, kind=kind, moments=moments, now=now))
            if changed is not None:
                self._metrics.changes.labels(changed.status).inc()
                id_, status, tickets, version = str(changed.id), changed.status, changed.tickets, changed.version
                log.info("hot_issue", issue=id_, status=status, tickets=tickets, version=version)

    async def _publish(self, issues: Sequence[HotIssue], links: Sequence[IssueMembership]) -> None:
        records = [outgoing(each, NAME) for each in issues] + [outgoing(join(each), NAME) for each in links]
        try:
            await self._producer.publish(records)
        except Unacknowledged as error:
            self._health.lack("kafka", f"the broker is away ({error.reason})")
            return
        self._health.have("kafka")
        await self._saved(partial(store.told, links=links, issues=issues))
        self._metrics.linked.inc(len(links))

    async def _saved(self, work: Callable[[psycopg.Connection], T]) -> T:
        """Do work in a transaction off the event loop, however often it takes: an event is never given up."""
        while True:
            # To wait for the database is no reason to be restarted.
            self._health.beat()
            try:
                done = await asyncio.to_thread(self._in_transaction, work)
            except Retryable as error:
                self._health.lack("database", str(error))
                await asyncio.sleep(AWAY)
            else:
                self._health.have("database")
                return done

    def _in_transaction(self, work: Callable[[psycopg.Connection], T]) -> T:
        with self._database.transaction() as connection:
            return work(connection)


def judge(
    connection: psycopg.Connection, kind: IssueKey, moments: Sequence[datetime], now: datetime
) -> HotIssue | None:
    """Look at a kind in the caller's transaction: begin its issue or take it a step on, and link its tickets.

    Args:
        connection: of the transaction.
        kind: what to look at.
        moments: when an issue may have begun; one that there is already is looked at now.
        now: business time.

    Returns:
        The issue as it is saved now; None when there is nothing to tell.

    """
    store.lock(connection, kind)
    closed = store.closed_at(connection, kind)
    known = store.issue_of(connection, kind)
    if known is not None:
        issue, closing = known
        tickets = store.link(connection, issue, kind, now, closed)
        after = burst_detection.step(issue, store.heat(connection, kind, now, closed), tickets, now, closing)
        if after is issue:
            return None
    else:
        found = ((at, store.heat(connection, kind, at, closed)) for at in moments)
        begun = next(
            (burst_detection.begin(kind, each, at) for at, each in found if burst_detection.is_hot(each)), None
        )
        if begun is None:
            return None
        # Its members refer to it.
        store.save(connection, begun, kind)
        after = begun.replace(tickets=store.link(connection, begun, kind, now, closed))
    store.save(connection, after, kind)
    return after


def join(link: IssueMembership) -> Command:
    """Return the command that ties a ticket to its issue: the same one, however often it is sent."""
    return Command(
        id=command_id(link.ticket_id, "hot_issue", 0, str(link.issue_id)),
        ticket_id=link.ticket_id,
        at=link.linked_at,
        actor=ACTOR,
        action=JoinHotIssue(issue=link.issue_id, tickets=link.tickets),
    )


def _kind(issue: HotIssue) -> IssueKey:
    return IssueKey(issue.policy, issue.business_type, issue.problem_type, issue.region)
