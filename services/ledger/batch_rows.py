"""Builds the database rows of a batch of decisions. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from uuid import UUID

import msgspec

from schemas.command import Command
from schemas.event import Refusal, TicketChange, TicketEvent
from schemas.ticket import Ticket
from services.domain.ids import command_digest
from services.ledger.document_cache import DocumentCache
from services.ledger.domain.added_items import added_items

Row = dict[str, object]
NOTHING: Mapping[UUID, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class CommandRecord:
    """What the ledger stores about a command that was decided (DESIGN 3).

    Attributes:
        position: topic, partition and offset.
        events: of its ticket.
        commands: that the ledger sends to itself because of it.
        decided_at: business time.

    """

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


def build_rows(
    before: Mapping[UUID, Ticket],
    after: Mapping[UUID, Ticket],
    records: Sequence[CommandRecord],
    traces: Mapping[UUID, str | None],
    documents: DocumentCache,
    relied_on: Mapping[UUID, int] = NOTHING,
) -> dict[str, list[Row]]:
    """Return the rows of a batch by the name of the statement that saves them, in the order of execution.

    Args:
        before: the tickets that existed before the batch.
        after: all tickets as the batch has left them.
        records: the commands that were decided, with their events.
        traces: trace context of each ticket.
        documents: the JSON documents of the batch; filled here.
        relied_on: versions of tickets that the decision about another one relied on.

    """
    partitions = {record.command.ticket_id: record.position[1] for record in records}
    changed = [ticket for id_, ticket in after.items() if before.get(id_) != ticket]
    new = [ticket for ticket in changed if ticket.id not in before]
    known = [ticket for ticket in changed if ticket.id in before]
    return {
        "confirm_tickets": _confirmed_rows(relied_on, before, after),
        "insert_tickets": [
            _ticket_row(ticket, partitions, documents) | {"trace": traces.get(ticket.id)} for ticket in new
        ],
        "update_tickets": [
            _ticket_row(ticket, partitions, documents) | {"before": before[ticket.id].version} for ticket in known
        ],
        "insert_events": [_event_row(event, documents) for record in records for event in record.events],
        "insert_added_items": _added_item_rows(records),
        "insert_commands": [_command_row(record) for record in records],
        **_deadline_rows(changed, [before[ticket.id] for ticket in known], partitions),
    }


def _confirmed_rows(
    relied_on: Mapping[UUID, int], before: Mapping[UUID, Ticket], after: Mapping[UUID, Ticket]
) -> list[Row]:
    """Return the versions that tickets must still have; one that the batch has opened is nobody else's to change."""
    return [
        {"id": id_, "version": before[id_].version if id_ in before else version}
        for id_, version in relied_on.items()
        if id_ in before or id_ not in after
    ]


def _added_item_rows(records: Sequence[CommandRecord]) -> list[Row]:
    """Return the evidence and links of a batch, each once; most are known: an event holds the latest before it."""
    items = {(event.ticket_id, item) for record in records for event in record.events for item in added_items(event)}
    return [{"ticket_id": ticket_id, "item": item.hex()} for ticket_id, item in sorted(items)]


def _deadline_rows(
    changed: Sequence[Ticket], before: Sequence[Ticket], partitions: Mapping[UUID, int]
) -> dict[str, list[Row]]:
    """Return the rows that say when a ticket has to be looked at next: at an instant, or on its day for the archive."""
    waited = {ticket.id for ticket in before if ticket.archive_at is not None}
    return {
        "set_deadlines": [_deadline_row(ticket, partitions) for ticket in changed if ticket.next_action_at is not None],
        "clear_deadlines": [{"ticket_id": ticket.id} for ticket in changed if ticket.next_action_at is None],
        "set_archive_days": [
            {"ticket_id": ticket.id, "version": ticket.version, "day": archive_day(ticket.archive_at)}
            for ticket in changed
            if ticket.archive_at is not None
        ],
        "clear_archive_days": [
            {"ticket_id": ticket.id} for ticket in changed if ticket.archive_at is None and ticket.id in waited
        ],
    }


def archive_day(at: datetime) -> date:
    """Return the first day in UTC at whose beginning an instant is past (DECISIONS 32)."""
    return at.astimezone(UTC).date() + timedelta(days=1)


def threshold_key(event: TicketChange) -> str | None:
    """Return the unique key of the threshold that an event decides (promise 4); None if it decides none."""
    decided = event.threshold
    if decided is None:
        return None
    return f"{event.ticket_id}/{decided.clock}/{decided.run}/{decided.limit}/{decided.threshold}"


def _ticket_row(ticket: Ticket, partitions: Mapping[UUID, int], documents: DocumentCache) -> Row:
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


def _event_row(event: TicketEvent, documents: DocumentCache) -> Row:
    return {
        "ticket_id": event.ticket_id,
        "version": event.version,
        "id": event.id,
        "type": event.type,
        "at": event.at,
        "threshold": threshold_key(event),
        "body": msgspec.Raw(documents.change(event)),
    }


def _command_row(record: CommandRecord) -> Row:
    topic, partition, offset = record.position
    versions = [event.version for event in record.events]
    return {
        "id": record.command.id,
        "digest": command_digest(record.command),
        "ticket_id": record.command.ticket_id,
        "topic": topic,
        "partition": partition,
        "offset": offset,
        "type": record.command.action.type,
        "outcome": record.outcome,
        "first_version": versions[0] if versions else None,
        "last_version": versions[-1] if versions else None,
        "refusal": record.refusal,
        "commands": record.commands,
        "decided_at": record.decided_at,
        "sender": record.command.actor.key,
    }


def _deadline_row(ticket: Ticket, partitions: Mapping[UUID, int]) -> Row:
    return {
        "ticket_id": ticket.id,
        "partition": partitions[ticket.id],
        "version": ticket.version,
        "next_at": ticket.next_action_at,
    }
