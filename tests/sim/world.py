"""The part of the simulation that survives crashes: two topics, the ledger's tables, and the true time."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from schemas.command import Command
from schemas.event import TicketEvent
from schemas.ticket import Ticket
from services.ledger.batch_rows import threshold_key

PARTITIONS = 3


@dataclass
class StoredCommand:
    """A row of ledger.command: partition and offset of the command, and its events."""

    position: tuple[int, int]
    events: tuple[TicketEvent, ...]


@dataclass
class World:
    """Topics and tables.

    Attributes:
        now: the true business time.
        commands, events: each partition's records, oldest first.
        committed: offsets of commands that the ledger's group has committed.
        tickets: rows of ledger.ticket.
        history: rows of ledger.event, by ticket.
        decided: rows of ledger.command.
        fired: keys of decided thresholds, each with the time by which the decision was too early.
        faults: injected faults, counted by name.

    """

    now: datetime
    commands: list[list[Command]] = field(default_factory=lambda: [[] for _ in range(PARTITIONS)])
    events: list[list[TicketEvent]] = field(default_factory=lambda: [[] for _ in range(PARTITIONS)])
    committed: list[int] = field(default_factory=lambda: [0] * PARTITIONS)
    tickets: dict[UUID, Ticket] = field(default_factory=dict)
    history: dict[UUID, list[TicketEvent]] = field(default_factory=dict)
    decided: dict[UUID, StoredCommand] = field(default_factory=dict)
    fired: dict[str, timedelta] = field(default_factory=dict)
    faults: dict[str, int] = field(default_factory=dict)

    def fault(self, name: str) -> None:
        """Count an injected fault."""
        self.faults[name] = self.faults.get(name, 0) + 1

    def send(self, command: Command) -> None:
        """Append a command to its topic."""
        self.commands[partition(command.ticket_id)].append(command)

    def save(
        self, ticket: Ticket | None, command: Command, position: tuple[int, int], events: tuple[TicketEvent, ...]
    ) -> bool:
        """Save one decision; returns False when another ledger changed the ticket or decided the command first.

        Raises:
            AssertionError: a threshold has an event already, which the table's unique key would reject.

        """
        stored = self.tickets.get(command.ticket_id)
        if command.id in self.decided or (stored.version if stored else 0) != (ticket.version if ticket else 0):
            return False
        for event in events:
            key = threshold_key(event)
            if key is not None:
                assert key not in self.fired, f"a second event for {key}"
                assert event.threshold is not None
                self.fired[key] = event.threshold.due_at - self.now
            self.history.setdefault(event.ticket_id, []).append(event)
        if events:
            self.tickets[command.ticket_id] = events[-1].ticket
        self.decided[command.id] = StoredCommand(position, events)
        return True


def partition(ticket: UUID) -> int:
    """Return the partition of a ticket on both topics."""
    return ticket.int % PARTITIONS
