"""Parses ticket events for the SLA monitor: only the ticket's id, version and next deadline are read."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from services.shared.kafka.dead_letters import UNKNOWN_SENDER, DeadLetterCandidate
from services.shared.kafka.records import Incoming
from services.shared.kafka.unreadable_batches import RawBatch
from services.sla_monitor.domain.schedule import NEVER, ScheduledTicket

ID_BYTES = 16


class _Ticket(msgspec.Struct):
    next_action_at: datetime | None = None


class _Event(msgspec.Struct):
    """The fields that are read of an event; the others are skipped without being built."""

    ticket_id: str
    version: int
    ticket: _Ticket


_EVENT = msgspec.json.Decoder(_Event)


def parse_events(partition: int, records: Sequence[Any]) -> tuple[list[ScheduledTicket], list[DeadLetterCandidate]]:
    """Parse the records of a partition; returns one entry for each valid event, and the invalid records."""
    entries: list[ScheduledTicket] = []
    invalid: list[DeadLetterCandidate] = []
    for record in records:
        if isinstance(record.value, RawBatch):
            invalid.append(
                DeadLetterCandidate.from_raw_batch(Incoming.from_client(record), record.value, UNKNOWN_SENDER)
            )
            continue
        try:
            entries.append(_parse(partition, record.value))
        except (ValueError, RecursionError) as error:
            invalid.append(_dead_letter(record, error))
    return entries, invalid


def _parse(partition: int, value: bytes | None) -> ScheduledTicket:
    event = _EVENT.decode(value or b"")
    at = event.ticket.next_action_at
    id_ = bytes.fromhex(event.ticket_id.replace("-", ""))
    if len(id_) != ID_BYTES:
        raise ValueError(event.ticket_id)
    return ScheduledTicket(at.timestamp() if at is not None else NEVER, event.version, id_, partition)


def _dead_letter(record: Any, error: Exception) -> DeadLetterCandidate:
    reason = (
        "empty" if not record.value else "bad_schema" if isinstance(error, msgspec.ValidationError) else "bad_syntax"
    )
    return DeadLetterCandidate(
        Incoming.from_client(record), reason, f"body: no ticket event ({type(error).__name__})", None, UNKNOWN_SENDER
    )
