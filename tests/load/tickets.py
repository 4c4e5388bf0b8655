"""Tickets for the monitor's measurements: many that are not due, and some that come due when they should."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from uuid import UUID, uuid4, uuid5

import orjson
import psycopg
from kafka.partitioner.default import murmur2

from schemas.event import TicketEvent
from schemas.ticket import Ticket
from services.shared.records import Outgoing, outgoing
from tests.builders import Tale, contact

PARTITIONS = 12
FAR = timedelta(days=3)
SPACE = UUID(int=0xD0BA)
OTHERS = 50_000
"""Tickets that the background is about."""


@dataclass(frozen=True)
class Due:
    """A ticket that comes due.

    Attributes:
        at: when, in seconds since 1970.
        ticket: as the ledger has it.
        news: the record that tells the monitor.

    """

    at: float
    ticket: Ticket
    news: Outgoing


def partition(id_: UUID) -> int:
    """Return the partition of a ticket, as every producer chooses it."""
    return int((murmur2(str(id_).encode()) & 0x7FFFFFFF) % PARTITIONS)


def fill(connection: psycopg.Connection, count: int) -> None:
    """Put tickets into the ledger's tables that are due in some days; of such a ticket only its clock is ever read."""
    now = datetime.now(UTC)
    ids = [uuid5(SPACE, str(number)) for number in range(count)]
    with connection.cursor() as cursor:
        with cursor.copy(_TICKETS) as copy:
            for number, id_ in enumerate(ids):
                row = (id_, f"OLD{number}", 1, partition(id_), "accepted", uuid5(id_, "c"), now, now, "{}", now - FAR)
                copy.write_row(row)
        with cursor.copy(_CLOCKS) as copy:
            for number, id_ in enumerate(ids):
                copy.write_row((id_, partition(id_), 1, now + FAR + timedelta(seconds=number % 1_000_000)))
    connection.commit()
    connection.autocommit = True
    connection.execute("analyze ledger.clock")


_TICKETS = (
    "copy ledger.ticket (id, number, version, partition, status, contact_id, accepted_at, updated_at, body, saved_at)"
    " from stdin"
)
_CLOCKS = "copy ledger.clock (ticket_id, partition, version, next_at) from stdin"


def due(count: int, start: float, window: float) -> list[Due]:
    """Return tickets whose review has to be warned of, one after the other over a window."""
    return [_due(start + window * number / count) for number in range(count)]


def _due(at: float) -> Due:
    # The review's limit is four hours and its warning comes after nine tenths of them.
    opened = datetime.fromtimestamp(at, UTC) - timedelta(hours=3.6)
    tale = Tale.opened(contact(str(uuid4()), at=opened))
    assert tale.ticket is not None
    ticket = tale.ticket.but(number=f"DUE{uuid4().hex[:12]}")
    assert ticket.next_action_at is not None
    event = tale.events[-1].but(ticket=ticket)
    return Due(ticket.next_action_at.timestamp(), ticket, outgoing(event, "bench"))


def insert(connection: psycopg.Connection, told: Sequence[Due]) -> None:
    """Put tickets that come due into the ledger's tables."""
    old = datetime.now(UTC) - FAR
    with connection.cursor() as cursor:
        with cursor.copy(_TICKETS) as copy:
            for each in told:
                ticket = each.ticket
                row = (ticket.id, ticket.number, ticket.version, partition(ticket.id), ticket.status.value)
                copy.write_row(
                    (*row, ticket.contact_id, ticket.accepted_at, ticket.updated_at, ticket.to_json().decode(), old)
                )
        with cursor.copy(_CLOCKS) as copy:
            for each in told:
                ticket = each.ticket
                copy.write_row((ticket.id, partition(ticket.id), ticket.version, ticket.next_action_at))


def others(count: int, version: int, *, begin: int | None = None) -> list[Outgoing]:
    """Return events of full size about tickets that are not due; each moves its ticket's next action."""
    first = begin if begin is not None else version * count
    return [_other(uuid5(SPACE, str((first + number) % OTHERS)), version) for number in range(count)]


def _other(id_: UUID, version: int) -> Outgoing:
    before, behind = _template()
    at = (datetime.now(UTC) + FAR).isoformat()
    key = str(id_)
    value = before.replace(b"TICKET", key.encode()).replace(b'"VERSION"', str(version).encode()) + behind.replace(
        b"NEXT", at.encode()
    ).replace(b"TICKET", key.encode())
    return Outgoing(TicketEvent.TOPIC, key.encode(), value, [("ce_type", b"duban.ticket.noted")])


@cache
def _template() -> tuple[bytes, bytes]:
    told = Tale.opened().events[-1].to_plain()
    told |= {"ticket_id": "TICKET", "version": "VERSION"}
    told["ticket"] |= {"id": "TICKET", "next_action_at": "NEXT"}
    whole = orjson.dumps(told)
    cut = whole.index(b'"ticket":{')
    return whole[:cut], whole[cut:]
