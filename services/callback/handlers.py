"""What callback does with ticket events, and with plans whose time has come."""

import time
from collections.abc import Mapping, Sequence
from datetime import datetime

import psycopg

from schemas.command import CallBack, Command, EndCallback
from schemas.event import TicketEvent
from services.callback import store
from services.callback.domain import plan, rehandle
from services.callback.domain.rehandle import ACTOR
from services.callback.metrics import CallbackMetrics
from services.domain.identity import command_id
from services.domain.packs import Pack, unknown
from services.shared import logs
from services.shared.clock import Clock
from services.shared.consumer import Message, Publish, Result
from services.shared.errors import InvalidMessage
from services.shared.faults import Faults
from services.shared.postgres import Database
from services.shared.records import Incoming, outgoing, read

NAME = "callback"
LOOK_EVERY = 0.25
"""Real seconds between two looks for plans that are due."""
HOLIDAYS = "cn"
ENDS = {"withdrawn": "cancelled", "reopened": "cancelled", "survey_answered": "done", "callback_ended": "done"}
"""What ends a plan, and how."""

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
        commands: list[Command] = []
        for message in batch:
            event = message.body
            self._plan(connection, event, self._clock.now())
            if event.type == "survey_answered":
                self._metrics.surveys.labels(str(event.details.get("verdict"))).inc()
            if event.type == "screened" and event.details.get("finding") == "wrong_handling":
                commands += rehandle.commands(event, event.at)
                log.info("rehandles", ticket=str(event.ticket_id), event_id=str(event.id))
        return Result(publish=[[outgoing(each, NAME) for each in commands]])

    def _plan(self, connection: psycopg.Connection, event: TicketEvent, now: datetime) -> None:
        pack = self._packs[event.ticket.policy.pack]
        rule, validity = pack.care.callback, event.ticket.classification.validity
        hours = plan.Hours(rule, pack.head.zone, pack.calendars.get(HOLIDAYS))
        if event.type in ENDS:
            store.settle(connection, event, state=ENDS[event.type], reason=event.type, now=now)
        elif validity in rule.never_for:
            store.settle(connection, event, state="cancelled", reason=validity, now=now)
        elif event.type == "answered":
            self._first(connection, event, hours, now)
        elif event.type == "called_back" and event.details.get("result") in {"no_answer", "busy"}:
            self._call_again(connection, event, hours, now)
        elif event.type == "callback_moved":
            wanted = hours.within(datetime.fromisoformat(str(event.details["until"])))
            store.move(connection, event, due_at=wanted, now=now)

    def _first(self, connection: psycopg.Connection, event: TicketEvent, hours: plan.Hours, now: datetime) -> None:
        pack, ticket = self._packs[event.ticket.policy.pack], event.ticket
        due = hours.first(event.at, vip=ticket.classification.vip)
        means = plan.means(hours.rule, ticket, pack.facts_of(ticket))
        if means == plan.PHONE:
            due = hours.slot(due, store.calls(connection, due), hours.rule.calls_per_hour)
        store.plan(connection, event, due_at=due, means=means, reason=hours.rule.source, now=now)

    @staticmethod
    def _call_again(connection: psycopg.Connection, event: TicketEvent, hours: plan.Hours, now: datetime) -> None:
        """Plan the next call; after the last, the customer is asked in writing (DECISIONS 19)."""
        attempts = int(event.details["attempt"])
        if attempts >= hours.rule.attempts:
            due, last = hours.within(event.at), hours.rule.attempts - 1
            store.ask_in_writing(connection, event, means=hours.rule.means, last=last, due_at=due, now=now)
        else:
            store.called(connection, event, attempts=attempts, due_at=hours.again(event.at), now=now)


class Asker:
    """Asks customers whose time has come; publishes first, then marks, under ids that make a repeat harmless."""

    def __init__(
        self, packs: Mapping[str, Pack], database: Database, clock: Clock, metrics: CallbackMetrics, faults: Faults
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
            due = store.due(connection, now)
        if not due:
            return
        # There may be more of them: no rest before they are asked.
        self._next = 0.0
        commands = [self._command(each) for each in due]
        self._faults.reach("before_ask")
        publish([outgoing(each, NAME) for each in commands])
        self._faults.reach("after_ask")
        with self._database.transaction() as connection:
            for each in due:
                pack = self._packs[each.policy]
                if each.attempts >= pack.care.callback.attempts:
                    store.given_up(connection, each, now=now)
                    continue
                hours = plan.Hours(pack.care.callback, pack.head.zone, pack.calendars.get(HOLIDAYS))
                store.asked(connection, each, next_at=hours.again(now), now=now)
                self._metrics.asked.labels(each.means).inc()
        self._faults.reach("after_mark")

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
