"""What callback does with ticket events, and with plans whose time has come."""

import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import psycopg

from schemas.command import Command
from schemas.customer_actions import CallBack, EndCallback
from schemas.event import TicketEvent
from services.callback import store
from services.callback.domain import plan, rehandle
from services.callback.domain.call_capacity import CallCapacity
from services.callback.domain.plan import CallbackPlan
from services.callback.domain.rehandle import ACTOR
from services.callback.metrics import CallbackMetrics
from services.domain.ids import command_id
from services.domain.policy.loading import unknown_pack_message
from services.domain.policy.pack import Pack
from services.shared.kafka.batch_consumer import BatchResult, Message, Publish
from services.shared.kafka.records import Incoming, outgoing, read
from services.shared.observability import logs
from services.shared.postgres.database import Database
from services.shared.runtime.clock import Clock
from services.shared.runtime.crash_points import CrashPoints
from services.shared.runtime.errors import InvalidMessage

NAME = "callback"
LOOK_EVERY = 0.25
"""Real seconds between two looks for plans that are due."""

log = logs.get(__name__)


class CallbackPlanner:
    """The stage of tickets.events."""

    def __init__(self, packs: Mapping[str, Pack], clock: Clock, metrics: CallbackMetrics) -> None:
        self._packs = packs
        self._clock = clock
        self._metrics = metrics

    def decode(self, record: Incoming) -> TicketEvent:
        """Read an event."""
        event = read(TicketEvent, record.value)
        if event.ticket.policy.pack not in self._packs:
            raise InvalidMessage("bad_schema", unknown_pack_message(event.ticket.policy.pack), field="ticket.policy")
        return event

    def handle(self, batch: Sequence[Message[TicketEvent]], connection: psycopg.Connection) -> BatchResult:
        """Plan, end plans, and open re-handle tickets."""
        now = self._clock.now()
        commands: list[Command] = []
        calls = CallCapacity(lambda: store.calls(connection, now))
        plans = store.latest(connection, {message.body.ticket_id for message in batch})
        changed: dict[tuple[UUID, int], CallbackPlan] = {}
        for message in batch:
            event = message.body
            before = plans.get(event.ticket_id)
            after = plan.follow(before, event, self._packs[event.ticket.policy.pack], now, calls)
            if after is not None and after is not before:
                plans[event.ticket_id] = changed[after.ticket_id, after.run] = after
            if event.type == "survey_answered":
                self._metrics.surveys.labels(str(event.details.get("verdict"))).inc()
            if event.type == "screened" and event.details.get("finding") == "wrong_handling":
                commands += rehandle.commands(event, event.at)
                log.info("rehandles", ticket=str(event.ticket_id), event_id=str(event.id))
        store.save(connection, changed.values(), now)
        return BatchResult(publish=[[outgoing(each, NAME) for each in commands]])


class CallbackDispatcher:
    """Asks customers whose time has come; publishes first, then marks, under ids that make a repeat harmless.

    Whoever could not be asked in the hours meant for it, by a person either, is planned for the next.
    """

    def __init__(
        self, packs: Mapping[str, Pack], database: Database, clock: Clock, metrics: CallbackMetrics, faults: CrashPoints
    ) -> None:
        self._packs = packs
        self._database = database
        self._clock = clock
        self._metrics = metrics
        self._faults = faults
        self._next = 0.0

    def __call__(self, publish: Publish) -> None:
        """Ask whoever is due.

        Raises:
            Retryable: the database is away; the next call tries again.

        """
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + LOOK_EVERY
        now = self._clock.now()
        with self._database.transaction() as connection:
            moved = self._move(connection, now)
            due = store.due(connection, now)
        if moved or due:
            # There may be more of them: no rest before they are asked.
            self._next = 0.0
        if not due:
            return
        commands = [self._command(each) for each in due]
        self._faults.reach("before_ask")
        publish([outgoing(each, NAME) for each in commands])
        self._faults.reach("after_ask")
        after = [plan.asked(each, self._packs[each.policy], now) for each in due]
        with self._database.transaction() as connection:
            store.mark(connection, list(zip(due, after, strict=True)), now)
        for each in after:
            if each.open:
                self._metrics.asked.labels(each.means).inc()
        self._faults.reach("after_mark")

    def _move(self, connection: psycopg.Connection, now: datetime) -> bool:
        """Plan anew whoever's hours are over; returns whether there was anybody."""
        found = store.missed(connection, now)
        calls = CallCapacity(lambda: store.calls(connection, now))
        store.mark(connection, [(each, plan.missed(each, self._packs[each.policy], now, calls)) for each in found], now)
        return bool(found)

    def _command(self, each: CallbackPlan) -> Command:
        action: CallBack | EndCallback
        if each.attempts >= self._packs[each.policy].outcome.callback.attempts:
            action = EndCallback(reason="no_answer")
        else:
            action = CallBack(attempt=each.attempts + 1, means=each.means)
        return Command(
            id=command_id(each.ticket_id, action.type, each.run, each.attempts),
            ticket_id=each.ticket_id,
            at=self._clock.now(),
            actor=ACTOR,
            action=action,
        )
