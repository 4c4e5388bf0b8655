"""Tickets, events, commands and clocks in PostgreSQL: load what a batch needs, save what it decided."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import msgspec
import psycopg
from psycopg.types.json import Jsonb

from schemas.command import Command
from schemas.event import Refusal, TicketChange, TicketEvent
from schemas.ticket import Ticket
from services.domain.ids import command_digest
from services.domain.kpi.cases import CaseEvent
from services.domain.kpi.periods import Period
from services.ledger.document_cache import DocumentCache
from services.ledger.domain.evolve import fold
from services.shared.postgres.database import Queries
from services.shared.runtime.errors import LostRace

queries = Queries.of_package(__package__)


@dataclass(frozen=True, slots=True)
class ProcessedCommand:
    """A command that was decided before, and where it stood on its topic."""

    position: tuple[str, int, int]
    ticket_id: UUID
    outcome: str
    versions: tuple[int, int] | None
    commands: tuple[Command, ...]
    digest: bytes


@dataclass(frozen=True, slots=True)
class CommandRecord:
    """What is kept of a command (DESIGN 3)."""

    command: Command
    position: tuple[str, int, int]
    events: tuple[TicketEvent, ...]
    commands: tuple[Command, ...]
    refusal: Refusal | None
    decided_at: datetime

    @property
    def outcome(self) -> str:
        """done, nothing or refused; a refused command may still have settled thresholds."""
        if self.refusal is not None:
            return "refused"
        return "done" if self.events or self.commands else "nothing"


def load_tickets(
    connection: psycopg.Connection, ids: Iterable[UUID]
) -> tuple[dict[UUID, Ticket], dict[UUID, str | None]]:
    """Return the tickets that exist, by id, and the trace context of each."""
    rows = connection.execute(queries["load_tickets"], {"ids": list(ids)}, binary=True).fetchall()
    return {id_: Ticket.from_json(body) for id_, body, _ in rows}, {id_: trace for id_, _, trace in rows}


def load_past(connection: psycopg.Connection, ids: Iterable[UUID]) -> dict[UUID, ProcessedCommand]:
    """Return the commands that were decided before, by id."""
    rows = connection.execute(queries["load_commands"], {"ids": list(ids)}).fetchall()
    return {
        id_: ProcessedCommand(
            position=(topic, partition, offset),
            ticket_id=ticket_id,
            outcome=outcome,
            versions=(first, last) if first is not None else None,
            commands=tuple(Command.from_plain(each) for each in commands),
            digest=bytes(digest),
        )
        for id_, topic, partition, offset, outcome, first, last, ticket_id, commands, digest in rows
    }


def load_events(connection: psycopg.Connection, ticket_id: UUID, versions: tuple[int, int]) -> list[TicketEvent]:
    """Return stored events of a ticket, from one version to another."""
    rows = connection.execute(queries["load_events"], {"ticket_id": ticket_id, "last": versions[1]}).fetchall()
    return fold(TicketChange.from_json(body) for (body,) in rows)[versions[0] - 1 :]


def next_running_numbers(connection: psycopg.Connection, count: int) -> list[int]:
    """Return running numbers for so many tickets, which no other ticket has."""
    rows = connection.execute(queries["next_numbers"], {"count": count}).fetchall()
    return [number for (number,) in rows]


def spent(connection: psycopg.Connection, person: str, month: Period) -> Decimal:
    """Return the yuan of compensation that a person has granted in a month, on every ticket."""
    within = {"person": person, "since": month.start, "until": month.end}
    row = connection.execute(queries["spent"], within).fetchone()
    assert row is not None
    return Decimal(row[0])


@dataclass(frozen=True, slots=True)
class OverdueTimer:
    """A clock whose time has come without a decision."""

    ticket_id: UUID
    version: int
    next_at: datetime
    sweeps: int


def overdue(connection: psycopg.Connection, before: datetime, *, most: int) -> list[OverdueTimer]:
    """Return clocks that were due before an instant of business time, the oldest first, and count the sweep."""
    told = {"before": before, "most": most}
    return [OverdueTimer(*row) for row in connection.execute(queries["overdue"], told).fetchall()]


def changed_since(connection: psycopg.Connection, partitions: Iterable[int], seconds: float) -> dict[int, list[UUID]]:
    """Return the tickets of some partitions that were saved within the last (real) seconds, by partition."""
    rows = connection.execute(queries["changed_since"], {"partitions": list(partitions), "seconds": seconds}).fetchall()
    return dict(rows)


def every_ticket(connection: psycopg.Connection) -> Iterator[tuple[Ticket, list[TicketChange]]]:
    """Return each ticket with all its changes, in order."""
    with connection.cursor(name="every_ticket") as cursor:
        cursor.itersize = 200
        for body, events in cursor.execute(queries["every_ticket"]):
            yield Ticket.from_json(body), [TicketChange.from_json(each) for each in events]


def case_histories(
    connection: psycopg.Connection, pack: str, since: datetime, until: datetime
) -> Iterator[tuple[Ticket, list[CaseEvent]]]:
    """Return each ticket of a pack that was accepted in a range, with what figures need of its events."""
    with connection.cursor(name="history") as cursor:
        cursor.itersize = 500
        for body, events in cursor.execute(queries["history"], {"pack": pack, "since": since, "until": until}):
            yield Ticket.from_json(body), msgspec.json.decode(events, type=list[CaseEvent])


def tickets_with_running_timer(connection: psycopg.Connection, pack: str) -> Iterator[Ticket]:
    """Return the tickets of a pack of which a clock runs."""
    with connection.cursor(name="running") as cursor:
        cursor.itersize = 500
        for (body,) in cursor.execute(queries["running"], {"pack": pack}):
            yield Ticket.from_json(body)


def ticket_with_events(connection: psycopg.Connection, number: str) -> tuple[Ticket, list[TicketEvent]] | None:
    """Return a ticket with all its events, in order; None if there is none of that number."""
    row = connection.execute(queries["story"], {"number": number}).fetchone()
    if row is None:
        return None
    body, events = row
    return Ticket.from_json(body), fold(TicketChange.from_json(each) for each in events)


@contextmanager
def saving(
    connection: psycopg.Connection,
    before: dict[UUID, Ticket],
    after: dict[UUID, Ticket],
    decisions: Sequence[CommandRecord],
    traces: Mapping[UUID, str | None],
) -> Iterator[DocumentCache]:
    """Save a batch: tickets as they stand after it, every event, every command, every next action time.

    The database works while the block runs, and has done it when the block is over. The block gets the documents that
    were written for it.

    Raises:
        LostRace: somebody else changed one of the tickets since it was read.

    """
    documents = DocumentCache()
    partitions = {each.command.ticket_id: each.position[1] for each in decisions}
    changed = [ticket for id_, ticket in after.items() if before.get(id_) != ticket]
    new = [
        _row(each, partitions, documents) | {"trace": traces.get(each.id)} for each in changed if each.id not in before
    ]
    old = [
        _row(each, partitions, documents) | {"before": before[each.id].version} for each in changed if each.id in before
    ]
    due = [
        {
            "ticket_id": each.id,
            "partition": partitions[each.id],
            "version": each.version,
            "next_at": each.next_action_at,
        }
        for each in changed
        if each.next_action_at is not None
    ]
    rows: dict[str, list[dict[str, object]]] = {
        "insert_tickets": new,
        "update_tickets": old,
        "insert_events": [_event_row(event, documents) for each in decisions for event in each.events],
        "insert_commands": [_command_row(each) for each in decisions],
        "set_clocks": due,
        "clear_clocks": [{"ticket_id": each.id} for each in changed if each.next_action_at is None],
    }
    with ExitStack() as stack:
        cursors = {name: stack.enter_context(connection.cursor()) for name, each in rows.items() if each}
        # One pipeline: the statements travel together, and the database answers once.
        with connection.pipeline():
            for name, cursor in cursors.items():
                cursor.execute(queries[name], {"rows": Jsonb(rows[name], dumps=msgspec.json.encode)})
            yield documents
        if old and cursors["update_tickets"].rowcount != len(old):
            raise LostRace("another owner changed a ticket of the batch first")


def _row(ticket: Ticket, partitions: dict[UUID, int], documents: DocumentCache) -> dict[str, object]:
    return {
        "id": ticket.id,
        "number": ticket.number,
        "version": ticket.version,
        "partition": partitions[ticket.id],
        "status": ticket.status.value,
        "phone": ticket.customer.phone,
        "customer_number": ticket.customer.number,
        "contact_id": ticket.contact_id,
        "accepted_at": ticket.accepted_at,
        "updated_at": ticket.updated_at,
        "closed_at": ticket.closed_at,
        "body": msgspec.Raw(documents.ticket(ticket)),
    }


def threshold_key(event: TicketChange) -> str | None:
    """Return what there is one event for, ever: ticket, stage run, limit number and threshold (promise 4)."""
    fired = event.threshold
    if fired is None:
        return None
    return f"{event.ticket_id}/{fired.clock}/{fired.run}/{fired.limit}/{fired.threshold}"


def _event_row(event: TicketEvent, documents: DocumentCache) -> dict[str, object]:
    return {
        "ticket_id": event.ticket_id,
        "version": event.version,
        "id": event.id,
        "type": event.type,
        "at": event.at,
        "threshold": threshold_key(event),
        "body": msgspec.Raw(documents.change(event)),
    }


def _command_row(decision: CommandRecord) -> dict[str, object]:
    topic, partition, offset = decision.position
    versions = [each.version for each in decision.events]
    return {
        "id": decision.command.id,
        "digest": command_digest(decision.command),
        "ticket_id": decision.command.ticket_id,
        "topic": topic,
        "partition": partition,
        "offset": offset,
        "type": decision.command.action.type,
        "outcome": decision.outcome,
        "first_version": versions[0] if versions else None,
        "last_version": versions[-1] if versions else None,
        "refusal": decision.refusal,
        "commands": decision.commands,
        "decided_at": decision.decided_at,
    }
