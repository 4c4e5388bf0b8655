"""What the monitor reads of a ticket's event: whose it is, and when the ticket next has to be looked at."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from services.shared.kafka.dead_letters import DeadLetterCandidate
from services.shared.kafka.records import Incoming
from services.sla_monitor.domain.schedule import NEVER, ScheduledTicket

ID = 16
"""Bytes of a ticket's id."""


class _Ticket(msgspec.Struct):
    next_action_at: datetime | None = None


class _Event(msgspec.Struct):
    """What the monitor reads of an event; the rest is passed over without being built."""

    ticket_id: str
    version: int
    ticket: _Ticket


_EVENT = msgspec.json.Decoder(_Event)


def read(partition: int, records: Sequence[Any]) -> tuple[list[ScheduledTicket], list[DeadLetterCandidate]]:
    """Read records of a partition; returns what they say, and those that cannot be read."""
    news: list[ScheduledTicket] = []
    refused: list[DeadLetterCandidate] = []
    for record in records:
        try:
            news.append(_entry(partition, record.value))
        except (ValueError, RecursionError) as error:
            refused.append(_refused(record, error))
    return news, refused


def _entry(partition: int, value: bytes | None) -> ScheduledTicket:
    told = _EVENT.decode(value or b"")
    at = told.ticket.next_action_at
    id_ = bytes.fromhex(told.ticket_id.replace("-", ""))
    if len(id_) != ID:
        raise ValueError(told.ticket_id)
    return ScheduledTicket(at.timestamp() if at is not None else NEVER, told.version, id_, partition)


def _refused(record: Any, error: Exception) -> DeadLetterCandidate:
    reason = (
        "empty" if not record.value else "bad_schema" if isinstance(error, msgspec.ValidationError) else "bad_syntax"
    )
    return DeadLetterCandidate(
        Incoming.of(record), reason, f"body: no ticket event ({type(error).__name__})", None, "unknown"
    )
