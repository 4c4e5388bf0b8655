"""What the service does: take in of what kind tickets are, look at each kind, tell what changed.

State and what is still to be told are saved in one transaction; telling is repeated until it is acknowledged, under ids
that stay the same, so a crash anywhere neither loses an issue nor tells it as another.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

import faust
import msgspec
import psycopg
from mode import Service

from schemas.command import Actor, Command, JoinHotIssue
from schemas.hot_issue import HotIssue
from services.domain.identity import command_id
from services.hot_issues import store
from services.hot_issues.domain import heat
from services.hot_issues.domain.heat import Closing, Kind
from services.hot_issues.domain.sign import Sign, sign
from services.hot_issues.metrics import HotIssueMetrics
from services.hot_issues.settings import HotIssueSettings
from services.shared import logs
from services.shared.clock import Clock
from services.shared.dead_letters import Refused
from services.shared.errors import Retryable
from services.shared.faults import Faults
from services.shared.operations import Health
from services.shared.postgres import Database
from services.shared.records import Incoming, outgoing
from services.shared.streaming import SEND_ERRORS, Sender, bury

NAME = "hot_issues"
ACTOR = Actor(kind="service", name=NAME)
FORGET_EVERY = 3600.0
TELL_EVERY = 0.5

T = TypeVar("T")

log = logs.get(__name__)


class Watch(faust.Service):  # type: ignore[misc]  # the library has no types
    """Watches how many complaints of each kind there are."""

    def __init__(
        self,
        settings: HotIssueSettings,
        database: Database,
        clock: Clock,
        health: Health,
        metrics: HotIssueMetrics,
        sender: Sender,
    ) -> None:
        super().__init__()
        self._settings = settings
        self._database = database
        self._clock = clock
        self._health = health
        self._metrics = metrics
        self._sender = sender
        self._faults = Faults(settings.faults, NAME)

    async def take_in(self, events: Sequence[Any]) -> None:
        """Take in records of tickets.events; returns when what they lead to is saved and told."""
        signs: dict[UUID, Sign] = {}
        refused: list[Refused] = []
        for event in events:
            try:
                found = sign(event.value)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                record = Incoming.of(event)
                refused.append(Refused(record, "bad_schema", f"body: no ticket event ({error})"[:200], None, "unknown"))
            else:
                if found is not None:
                    signs[found.ticket_id] = found
        if refused:
            bound = self._settings.dead_letters_per_hour
            await bury(refused, NAME, self._sender, self._database, bound, lambda: self.should_stop)
        if signs:
            await self._saved(partial(self._note, signs=list(signs.values())))
            self._faults.reach("after_save")
            await self._look({each.kind for each in signs.values()})
            self._faults.reach("before_offset_commit")

    @Service.task  # type: ignore[untyped-decorator]  # the library has no types
    async def tell(self) -> None:
        """Publish what is saved and not told yet; a burst of thousands must not fill the ledger's topic at once."""
        while not self.should_stop:
            issues, members = await self._saved(lambda each: (store.unpublished(each), store.untold(each)))
            if issues or members:
                await self._publish(issues, members)
            await self.sleep(TELL_EVERY)

    @Service.task  # type: ignore[untyped-decorator]  # the library has no types
    async def look_again(self) -> None:
        """Look at every issue that is not closed, whether anything comes in or not."""
        forgotten = time.monotonic()
        while not self.should_stop:
            self._health.beat()
            unclosed = await self._saved(store.unclosed)
            self._health.have("start")
            self._metrics.unclosed.set(len(unclosed))
            await self._look({_kind(issue) for issue, _ in unclosed})
            if time.monotonic() - forgotten > FORGET_EVERY:
                forgotten, now = time.monotonic(), self._clock.now()
                await self._saved(partial(store.forget, now=now))
            await self.sleep(self._settings.look_every)

    def _note(self, connection: psycopg.Connection, signs: Sequence[Sign]) -> None:
        store.note(connection, signs)
        self._faults.reach("before_save")

    async def _look(self, kinds: Iterable[Kind]) -> None:
        for kind in sorted(kinds):
            now = self._clock.now()
            await self._saved(partial(self._judge, kind=kind, now=now))

    def _judge(self, connection: psycopg.Connection, kind: Kind, now: datetime) -> None:
        store.lock(connection, kind)
        found = store.heat(connection, kind, now)
        known = store.issue_of(connection, kind)
        closing: Closing | None = None
        if known is not None:
            before, closing = known
        elif heat.is_hot(found):
            before = heat.begin(kind, found, now)
            # Its members refer to it.
            store.save(connection, before, kind)
        else:
            return
        tickets = store.link(connection, before, kind, now)
        after = heat.step(before, found, tickets, now, closing)
        if known is None:
            after = before.but(tickets=tickets)
        if after is before:
            return
        store.save(connection, after, kind)
        self._metrics.changes.labels(after.status).inc()
        log.info("hot_issue", issue=str(after.id), status=after.status, tickets=after.tickets, version=after.version)

    async def _publish(self, issues: Sequence[HotIssue], members: Sequence[tuple[UUID, HotIssue]]) -> None:
        now = self._clock.now()
        commands = [outgoing(_join(ticket, issue, now), NAME) for ticket, issue in members]
        try:
            await self._sender.publish([outgoing(each, NAME) for each in issues] + commands)
        except SEND_ERRORS as error:
            self._health.lack("kafka", f"the broker is away ({type(error).__name__})")
            return
        self._health.have("kafka")
        await self._saved(partial(store.told, members=members, issues=issues))
        self._metrics.linked.inc(len(members))

    async def _saved(self, work: Callable[[psycopg.Connection], T]) -> T:
        """Do work in a transaction off the event loop, however often it takes: an event is never given up."""
        failures = 0
        while True:
            try:
                done = await asyncio.to_thread(self._in_transaction, work)
            except Retryable as error:
                failures += 1
                self._health.lack("database", str(error))
                await asyncio.sleep(min(0.2 * 2**failures, 5.0))
            else:
                self._health.have("database")
                return done

    def _in_transaction(self, work: Callable[[psycopg.Connection], T]) -> T:
        with self._database.transaction() as connection:
            return work(connection)


def _kind(issue: HotIssue) -> Kind:
    return Kind(issue.policy, issue.business_type, issue.problem_type, issue.region)


def _join(ticket: UUID, issue: HotIssue, now: datetime) -> Command:
    return Command(
        id=command_id(ticket, "hot_issue", 0, str(issue.id)),
        ticket_id=ticket,
        at=now,
        actor=ACTOR,
        action=JoinHotIssue(issue=issue.id, tickets=issue.tickets),
    )
