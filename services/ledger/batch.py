"""One batch of commands in the ledger: load the tickets, decide, save, and build the records to publish (DESIGN 3)."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import psycopg

from schemas.command import Command
from schemas.event import TicketEvent
from schemas.ticket import Ticket
from services.domain.ids import command_digest
from services.domain.policy.loading import unknown_pack_message
from services.domain.policy.pack import Pack
from services.ledger import store
from services.ledger.batch_decider import BatchDecider
from services.ledger.batch_rows import CommandRecord, build_rows
from services.ledger.document_cache import DocumentCache
from services.ledger.domain.decide import DecisionResult
from services.shared.kafka.batch_handling import Message
from services.shared.kafka.dead_letters import DeadLetterCandidate
from services.shared.kafka.records import Incoming, Outgoing, outgoing

NAME = "ledger"


class LedgerBatch:
    """Handles one batch of commands within one transaction: first `decide`, then `save`.

    Args:
        connection: of the transaction; tickets and processed commands are loaded from it at once.
        messages: the commands of the batch, in order.
        packs: policy packs by name.
        now: business time.
        late_after: business time after which the decision of a threshold counts as late.

    Attributes:
        results: each command that was decided, with its result, in order.
        dead_letters: commands that could not be decided.

    """

    def __init__(
        self,
        connection: psycopg.Connection,
        messages: Sequence[Message[Command]],
        packs: Mapping[str, Pack],
        *,
        now: datetime,
        late_after: timedelta,
    ) -> None:
        commands = [message.body for message in messages]
        self.results: list[tuple[Command, DecisionResult]] = []
        self.dead_letters: list[DeadLetterCandidate] = []
        self._connection = connection
        self._messages = messages
        self._packs = packs
        self._now = now
        self._processed = store.load_processed_commands(connection, {command.id for command in commands})
        self._digests = {id_: processed.digest for id_, processed in self._processed.items()}
        self._before, self._traces = store.load_tickets(connection, {command.ticket_id for command in commands})
        self._after = dict(self._before)
        self._decider = BatchDecider(connection, commands, self._after, now=now, late_after=late_after)
        self._records: list[CommandRecord] = []
        # What is published: tickets' states, events, and commands to the ledger itself with their trace contexts.
        self._published_tickets: dict[UUID, None] = {}  # as an ordered set
        self._events: list[TicketEvent] = []
        self._commands: list[Command] = []
        self._command_traces: dict[UUID, str | None] = {}

    def decide(self) -> None:
        """Decide the commands, in order, each on the ticket as the commands before it have left it."""
        for message in self._messages:
            record, command = message.record, message.body
            digest = self._digests.get(command.id)
            if digest is None:
                self._decide(record, command)
            elif digest == command_digest(command):
                self._repeat(record, command)
            else:
                self.dead_letters.append(_conflict(record, command))

    def save(self) -> list[list[Outgoing]]:
        """Save what was decided; returns the groups of records to publish: states, events, commands.

        Raises:
            LostRace: another owner changed one of the tickets, or one that a decision relied on, since it was loaded.

        """
        documents = DocumentCache()
        relied_on = self._decider.relied_on
        rows = build_rows(self._before, self._after, self._records, self._traces, documents, relied_on)
        # The records are built while the database works.
        with store.save_rows(self._connection, rows):
            return self._build_outgoing(documents)

    def _decide(self, record: Incoming, command: Command) -> None:
        ticket = self._after.get(command.ticket_id)
        pack = self._pack_for(command, ticket)
        if pack is None:
            self.dead_letters.append(_unknown_pack(record, command))
            return
        result = self._decider.decide(ticket, command, pack)
        self.results.append((command, result))
        self._digests[command.id] = command_digest(command)
        self._records.append(
            CommandRecord(command, record.position, result.events, result.commands, result.refusal, self._now)
        )
        self._traces.setdefault(command.ticket_id, record.trace)
        if result.events:
            self._after[command.ticket_id] = result.events[-1].ticket
            self._published_tickets[command.ticket_id] = None
        self._publish(result.events, result.commands, record.trace)

    def _repeat(self, record: Incoming, command: Command) -> None:
        """Publish the results of a command again if this is the very record that was saved, as after a crash."""
        processed = self._processed.get(command.id)
        if processed is None or processed.position != record.position:
            return
        versions, ticket_id = processed.versions, processed.ticket_id
        events = store.load_events(self._connection, ticket_id, versions) if versions is not None else []
        self._published_tickets[ticket_id] = None
        self._publish(events, processed.commands, record.trace)

    def _publish(self, events: Sequence[TicketEvent], commands: Sequence[Command], trace: str | None) -> None:
        self._events += events
        self._commands += commands
        self._command_traces |= dict.fromkeys((command.id for command in commands), trace)

    def _pack_for(self, command: Command, ticket: Ticket | None) -> Pack | None:
        name = ticket.policy.pack if ticket is not None else command.policy
        if name is None and ticket is None:
            # The decider refuses a command to a ticket that does not exist, whatever the pack.
            return next(iter(self._packs.values()))
        return self._packs.get(name or "")

    def _build_outgoing(self, documents: DocumentCache) -> list[list[Outgoing]]:
        tickets = [self._after[id_] for id_ in self._published_tickets if id_ in self._after]
        return [
            [
                outgoing(ticket, NAME, trace=self._traces.get(ticket.id), value=documents.published_ticket(ticket))
                for ticket in tickets
            ],
            [
                outgoing(event, NAME, trace=self._traces.get(event.ticket_id), value=documents.published_event(event))
                for event in self._events
            ],
            [outgoing(command, NAME, trace=self._command_traces.get(command.id)) for command in self._commands],
        ]


def _unknown_pack(record: Incoming, command: Command) -> DeadLetterCandidate:
    return DeadLetterCandidate(
        record, "bad_schema", unknown_pack_message(command.policy), "policy", command.actor.key or command.actor.name
    )


def _conflict(record: Incoming, command: Command) -> DeadLetterCandidate:
    return DeadLetterCandidate(
        record,
        "conflict",
        "Idempotency-Key: another command came under this key before; send a changed command under a key of its own",
        "Idempotency-Key",
        command.actor.key or command.actor.name,
    )
