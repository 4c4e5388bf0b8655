"""What the ledger does with a batch of commands: load, decide, save, publish (DESIGN 3)."""

import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import psycopg

from schemas.action import Tick
from schemas.command import Actor, Command
from schemas.event import TicketEvent
from schemas.ticket import Ticket
from services.domain.ids import command_digest, command_id
from services.domain.policy.loading import unknown_pack_message
from services.domain.policy.pack import Pack
from services.ledger import store
from services.ledger.batch_decider import BatchDecider
from services.ledger.domain.decide import LATE_AFTER, DecisionResult
from services.ledger.metrics import LedgerMetrics
from services.ledger.settings import LedgerSettings
from services.shared.kafka.batch_consumer import BatchResult, Message, Publish
from services.shared.kafka.dead_letters import DeadLetterCandidate
from services.shared.kafka.records import Incoming, Outgoing, outgoing, parse_value
from services.shared.observability import logs
from services.shared.postgres.database import Database
from services.shared.runtime.clock import Clock

NAME = "ledger"
SWEPT_AT_ONCE = 500
"""Ticks that the sweeper sends at once; as long as there are more, it goes on after the next batch."""
REPEATED_AT_ONCE = 100
"""States that are published again between two batches."""

log = logs.get(__name__)


class CommandHandler:
    """The stage of tickets.commands."""

    def __init__(self, packs: Mapping[str, Pack], clock: Clock, metrics: LedgerMetrics) -> None:
        self._packs = packs
        self._clock = clock
        self._metrics = metrics

    def decode(self, record: Incoming) -> Command:
        """Read a command."""
        return parse_value(Command, record.value)

    def handle(self, batch: Sequence[Message[Command]], connection: psycopg.Connection) -> BatchResult:
        """Decide the batch in order; commands that were decided before are not decided again."""
        past = store.load_past(connection, {each.body.id for each in batch})
        digests = {id_: each.digest for id_, each in past.items()}
        before, traces = store.load_tickets(connection, {each.body.ticket_id for each in batch})
        after = dict(before)
        now, late_after = self._clock.now(), self._clock.business_span(LATE_AFTER.total_seconds())
        decider = BatchDecider(connection, [each.body for each in batch], before, now=now, late_after=late_after)
        decisions: dict[UUID, store.CommandRecord] = {}
        causes: dict[UUID, str | None] = {}
        told: list[TicketEvent] = []
        own: list[Command] = []
        touched: dict[UUID, None] = {}
        result = BatchResult()
        for message in batch:
            command = message.body
            digest = digests.get(command.id)
            if digest is not None and digest != command_digest(command):
                result.dead_letters.append(_conflict(message.record, command))
                continue
            known = past.get(command.id)
            if known is not None and known.position == message.record.position:
                touched[known.ticket_id] = None
                own += known.commands
                causes |= dict.fromkeys((each.id for each in known.commands), message.record.trace)
                told += store.load_events(connection, known.ticket_id, known.versions) if known.versions else []
            if digest is not None:
                continue
            ticket = after.get(command.ticket_id)
            if (pack := self._pack(command, ticket)) is None:
                result.dead_letters.append(_homeless(message.record, command))
                continue
            decided = decider.decide(ticket, command, pack)
            for event in decided.events:
                after[command.ticket_id] = event.ticket
                touched[command.ticket_id] = None
            digests[command.id] = command_digest(command)
            decisions[command.id] = store.CommandRecord(
                command, message.record.position, decided.events, decided.commands, decided.refusal, now
            )
            told += decided.events
            own += decided.commands
            causes |= dict.fromkeys((each.id for each in decided.commands), message.record.trace)
            traces.setdefault(command.ticket_id, message.record.trace)
            self._tell(command, decided, now)
        with store.saving(connection, before, after, list(decisions.values()), traces) as written:
            changed = [after[id_] for id_ in touched if id_ in after]
            result.publish = [
                [outgoing(each, NAME, trace=traces.get(each.id), value=written.ticket(each)) for each in changed],
                [outgoing(each, NAME, trace=traces.get(each.ticket_id), value=written.event(each)) for each in told],
                [outgoing(each, NAME, trace=causes.get(each.id)) for each in own],
            ]
        return result

    def _pack(self, command: Command, ticket: Ticket | None) -> Pack | None:
        name = ticket.policy.pack if ticket is not None else command.policy
        if name is None and ticket is None:
            # A command to no ticket is refused by the decider; any pack can say so.
            return next(iter(self._packs.values()))
        return self._packs.get(name or "")

    def _tell(self, command: Command, decided: DecisionResult, now: datetime) -> None:
        # No line in the log for each: tickets.events is the record of this.
        for event in decided.events:
            self._metrics.event(event, now)
        if decided.refusal is not None:
            self._metrics.refusals.labels(command.action.type, decided.refusal.code).inc()
            log.info("refused", code=decided.refusal.code, ticket=str(command.ticket_id), command=str(command.id))


def _homeless(record: Incoming, command: Command) -> DeadLetterCandidate:
    return DeadLetterCandidate(record, "bad_schema", unknown_pack_message(command.policy), "policy", command.actor.name)


def _conflict(record: Incoming, command: Command) -> DeadLetterCandidate:
    return DeadLetterCandidate(
        record,
        "conflict",
        "Idempotency-Key: another command came under this key before; send a changed command under a key of its own",
        "Idempotency-Key",
        command.actor.name,
    )


class LedgerMaintenance:
    """What the ledger does between two batches: ticks for clocks that nobody fired, and states after a hand-over."""

    def __init__(self, database: Database, clock: Clock, settings: LedgerSettings, metrics: LedgerMetrics) -> None:
        self._database = database
        self._clock = clock
        self._settings = settings
        self._metrics = metrics
        self._next_sweep = 0.0
        self._gained: dict[int, float] = {}
        self._to_repeat: dict[int, list[UUID]] = {}

    def gained(self, partitions: set[int]) -> None:
        """Remember when partitions were taken over: a zombie's late record must not stay last (DESIGN 3)."""
        self._gained |= dict.fromkeys(partitions, time.monotonic())

    def lost(self, partitions: set[int]) -> None:
        """Forget partitions that somebody else owns now."""
        for each in partitions:
            self._gained.pop(each, None)
            self._to_repeat.pop(each, None)

    def __call__(self, publish: Publish) -> None:
        """Do what is due now.

        Raises:
            Retryable: the database is away; the next call tries again.

        """
        monotonic = time.monotonic()
        if monotonic >= self._next_sweep:
            self._next_sweep = monotonic + self._settings.sweep_every
            publish(self._sweep())
        settled = {each for each, since in self._gained.items() if monotonic - since >= self._settings.settle_after}
        if settled:
            oldest = max(monotonic - self._gained[each] for each in settled)
            self.lost(settled)
            with self._database.transaction() as connection:
                seconds = oldest + self._settings.settle_after
                self._to_repeat |= store.changed_since(connection, settled, seconds)
        if self._to_repeat:
            publish(self._states())

    def _sweep(self) -> list[Outgoing]:
        # A wall clock of this machine that has jumped forward would make it fire early.
        now = self._clock.at(self._database.server_time())
        before = now - self._clock.business_span(self._settings.sweep_after)
        with self._database.transaction() as connection:
            overdue = store.overdue(connection, before, most=SWEPT_AT_ONCE)
        if len(overdue) == SWEPT_AT_ONCE:
            self._next_sweep = 0.0
        for each in overdue:
            self._metrics.swept.inc()
            log.warning("swept", ticket=str(each.ticket_id), due=each.next_at.isoformat())
        return [
            outgoing(
                Command(
                    # The count is part of the id: an earlier tick of this version may have come to nothing.
                    id=command_id(each.ticket_id, "sweep", each.version, each.sweeps),
                    ticket_id=each.ticket_id,
                    at=now,
                    actor=Actor(kind="service", name=NAME),
                    action=Tick(),
                ),
                NAME,
            )
            for each in overdue
        ]

    def _states(self) -> list[Outgoing]:
        """Return some states, as they are now: few at a time, so that no command waits long for them."""
        partition, ids = next(iter(self._to_repeat.items()))
        with self._database.transaction() as connection:
            tickets, traces = store.load_tickets(connection, ids[:REPEATED_AT_ONCE])
        self._to_repeat[partition] = ids[REPEATED_AT_ONCE:]
        if not self._to_repeat[partition]:
            del self._to_repeat[partition]
        return [outgoing(each, NAME, trace=traces[each.id]) for each in tickets.values()]
