"""What callback does with ticket events, and with plans whose time has come."""

import time
from collections.abc import Mapping, Sequence

import psycopg

from schemas.command import CallBack, Command, EndCallback
from schemas.event import TicketEvent
from services.callback import store
from services.callback.domain import plan, rehandle
from services.callback.domain.rehandle import ACTOR
from services.callback.metrics import CallbackMetrics
from services.domain.calendar import Calendar
from services.domain.identity import command_id
from services.domain.packs import Pack, unknown
from services.shared import logs
from services.shared.clock import Clock
from services.shared.consumer import Message, Publish, Result
from services.shared.errors import InvalidMessage
from services.shared.postgres import Database
from services.shared.records import Incoming, outgoing, read

NAME = "callback"
LOOK_EVERY = 0.25
"""Real seconds between two looks for plans that are due."""
HOLIDAYS = "cn"

log = logs.get(__name__)


class Planner:
    """The stage of tickets.events."""

    def __init__(self, packs: Mapping[str, Pack], clock: Clock, metrics: CallbackMetrics) -> None:
        self._packs = packs
        self._clock = clock
        self._metrics = metrics

    def decode(self, record: Incoming) -> TicketEvent:
        """Read an event."""
        event = read(TicketEvent, record.value)
        if event.ticket.policy.pack not in self._packs:
            raise InvalidMessage("bad_schema", unknown(event.ticket.policy.pack), field="ticket.policy")
        return event

    def handle(self, batch: Sequence[Message[TicketEvent]], connection: psycopg.Connection) -> Result:
        """Plan, end plans, and open re-handle tickets."""
        now = self._clock.now()
        commands: list[Command] = []
        for message in batch:
            event = message.body
            ticket = event.ticket
            pack = self._packs[ticket.policy.pack]
            rule = pack.care.callback
            if event.type == "answered" and ticket.classification.validity not in rule.never_for:
                due = plan.first(
                    rule,
                    event.at,
                    vip=ticket.classification.vip,
                    zone=pack.head.zone,
                    holidays=pack.calendars.get(HOLIDAYS),
                )
                store.plan(connection, event, due_at=due, means=rule.means, reason=rule.source, now=now)
            elif event.type in {"withdrawn", "reopened"}:
                store.settle(connection, event, state="cancelled", reason=event.type, now=now)
            elif event.type in {"survey_answered", "callback_ended"}:
                store.settle(connection, event, state="done", reason=event.type, now=now)
            if event.type == "survey_answered":
                verdict = str(event.details.get("verdict"))
                self._metrics.surveys.labels(verdict).inc()
                if verdict == "dissatisfied":
                    commands += rehandle.commands(event, event.at)
                    log.info("rehandles", ticket=str(ticket.id), event_id=str(event.id))
        return Result(publish=[[outgoing(each, NAME) for each in commands]])


class Asker:
    """Asks customers whose time has come; publishes first, then marks, under ids that make a repeat harmless."""

    def __init__(self, packs: Mapping[str, Pack], database: Database, clock: Clock, metrics: CallbackMetrics) -> None:
        self._packs = packs
        self._database = database
        self._clock = clock
        self._metrics = metrics
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
            due = store.due(connection, now)
        if not due:
            return
        commands = [self._command(each) for each in due]
        publish([outgoing(each, NAME) for each in commands])
        with self._database.transaction() as connection:
            for each in due:
                pack = self._packs[each.policy]
                if each.attempts >= pack.care.callback.attempts:
                    store.given_up(connection, each, now=now)
                    continue
                holidays: Calendar | None = pack.calendars.get(HOLIDAYS)
                next_at = plan.again(pack.care.callback, now, zone=pack.head.zone, holidays=holidays)
                store.asked(connection, each, next_at=next_at, now=now)
                self._metrics.asked.labels(each.means).inc()

    def _command(self, each: store.Due) -> Command:
        action: CallBack | EndCallback
        if each.attempts >= self._packs[each.policy].care.callback.attempts:
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
