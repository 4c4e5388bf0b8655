"""The callback service: plans callbacks from ticket events, and asks the customers whose time has come."""

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
from services.shared.kafka.batch_consumer import Publish
from services.shared.kafka.batch_handling import BatchResult, Message
from services.shared.kafka.records import Incoming, outgoing, parse_value
from services.shared.observability import logs
from services.shared.postgres.database import Database
from services.shared.runtime.clock import Clock
from services.shared.runtime.crash_points import CrashPoints
from services.shared.runtime.errors import InvalidMessage

NAME = "callback"
DISPATCH_INTERVAL = 0.25
"""Real seconds between two searches for due plans."""

log = logs.get(__name__)


class CallbackPlanner:
    """The batch handler of tickets.events: keeps one plan for each run of a ticket."""

    def __init__(self, packs: Mapping[str, Pack], clock: Clock, metrics: CallbackMetrics) -> None:
        self._packs = packs
        self._clock = clock
        self._metrics = metrics

    def decode(self, record: Incoming) -> TicketEvent:
        """Parse a ticket event.

        Raises:
            InvalidMessage: it is no ticket event, or its policy pack is unknown.

        """
        event = parse_value(TicketEvent, record.value)
        if event.ticket.policy.pack not in self._packs:
            raise InvalidMessage("bad_schema", unknown_pack_message(event.ticket.policy.pack), field="ticket.policy")
        return event

    def sender(self, record: Incoming, body: TicketEvent | None) -> str | None:  # noqa: ARG002
        """Return None: ticket events are our own."""
        return None

    def handle(self, batch: Sequence[Message[TicketEvent]], connection: psycopg.Connection) -> BatchResult:
        """Create, change and end plans, and open re-handle tickets."""
        now = self._clock.now()
        commands: list[Command] = []
        capacity = CallCapacity(lambda: store.count_calls(connection, now))
        plans = store.latest_plans(connection, {message.body.ticket_id for message in batch})
        changed: dict[tuple[UUID, int], CallbackPlan] = {}
        for message in batch:
            event = message.body
            before = plans.get(event.ticket_id)
            after = plan.update_plan(before, event, self._packs[event.ticket.policy.pack], now, capacity)
            if after is not None and after is not before:
                plans[event.ticket_id] = changed[after.ticket_id, after.run] = after
            if event.type == "survey_answered":
                self._metrics.surveys.labels(str(event.details.get("verdict"))).inc()
            if event.type == "screened" and event.details.get("finding") == "wrong_handling":
                commands += rehandle.rehandle_commands(event, event.at)
                log.info("rehandle_opened", ticket=str(event.ticket_id), event_id=str(event.id))
        store.save_plans(connection, changed.values(), now)
        return BatchResult(publish=[[outgoing(command, NAME) for command in commands]])


class CallbackDispatcher:
    """Asks the customers whose time has come, after each batch; moves plans that were missed to the next hours.

    It publishes the commands first and saves the plans afterwards; the commands' ids make a repeat harmless.
    """

    def __init__(
        self,
        packs: Mapping[str, Pack],
        database: Database,
        clock: Clock,
        metrics: CallbackMetrics,
        crash_points: CrashPoints,
    ) -> None:
        self._packs = packs
        self._database = database
        self._clock = clock
        self._metrics = metrics
        self._crash_points = crash_points
        self._next_dispatch = 0.0

    def __call__(self, publish: Publish) -> None:
        """Ask up to 200 customers who are due.

        Raises:
            Retryable: the database is unavailable; the next call tries again.

        """
        if time.monotonic() < self._next_dispatch:
            return
        self._next_dispatch = time.monotonic() + DISPATCH_INTERVAL
        now = self._clock.now()
        with self._database.transaction() as connection:
            moved = self._reschedule_missed(connection, now)
            due = store.due_plans(connection, now)
        if moved or due:
            # There may be more of them: the next call must not wait.
            self._next_dispatch = 0.0
        if not due:
            return
        commands = [self._command(before) for before in due]
        self._crash_points.reach("before_ask")
        publish([outgoing(command, NAME) for command in commands])
        self._crash_points.reach("after_ask")
        updated = [plan.after_attempt(before, self._packs[before.policy], now) for before in due]
        with self._database.transaction() as connection:
            store.reschedule_plans(connection, list(zip(due, updated, strict=True)), now)
        for after in updated:
            if after.open:
                self._metrics.asked.labels(after.means).inc()
        self._crash_points.reach("after_mark")

    def _reschedule_missed(self, connection: psycopg.Connection, now: datetime) -> bool:
        """Move plans whose calling hours are over to the next hours; returns whether there were any."""
        missed = store.missed_plans(connection, now)
        capacity = CallCapacity(lambda: store.count_calls(connection, now))
        changes = [
            (before, plan.after_missed_hours(before, self._packs[before.policy], now, capacity)) for before in missed
        ]
        store.reschedule_plans(connection, changes, now)
        return bool(missed)

    def _command(self, due: CallbackPlan) -> Command:
        action: CallBack | EndCallback
        if due.attempts >= self._packs[due.policy].outcome.callback.attempts:
            action = EndCallback(reason="no_answer")
        else:
            action = CallBack(attempt=due.attempts + 1, means=due.means)
        return Command(
            id=command_id(due.ticket_id, action.type, due.run, due.attempts),
            ticket_id=due.ticket_id,
            at=self._clock.now(),
            actor=ACTOR,
            action=action,
        )
