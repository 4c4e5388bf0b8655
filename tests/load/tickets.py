"""Tickets for measurements of the monitor: many that are not due for days, and some that come due on time."""

import random
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4, uuid5

import psycopg
from kafka.partitioner.default import murmur2

from schemas.contact import Customer
from schemas.event import TicketEvent
from services.shared.kafka.records import Outgoing, outgoing
from tests.builders import TicketScenario, contact

PARTITIONS = 12
NOT_DUE_FOR = timedelta(days=3)
"""How far in the future the next action of an open ticket is."""
WARNED_AFTER = timedelta(hours=3.6)
"""The review has to be done within four hours; its warning comes after nine tenths of that."""
PATTERNS = 500
"""Number of different tickets of which all others are copies; the peers' driver has as many."""
OPEN_TICKETS = UUID(int=0xD0BA)
"""Namespace of the ids of open tickets."""


@dataclass(frozen=True)
class DueTicket:
    """A ticket that comes due.

    Attributes:
        at: when it is due, in seconds since the epoch.
        id: its id.
        row: its row of ledger.ticket, up to the body.
        event: the record by which the monitor learns of it.

    """

    at: float
    id: UUID
    row: tuple[Any, ...]
    event: Outgoing


class BytesTemplate:
    """A text in which some byte strings are replaced by others."""

    def __init__(self, text: bytes, replaced: Sequence[bytes]) -> None:
        parts = re.split(b"(%s)" % b"|".join(map(re.escape, replaced)), text)
        self._parts = [replaced.index(part) if part in replaced else part for part in parts]

    def fill(self, values: Sequence[bytes]) -> bytes:
        """Return the text with values instead of the replaced byte strings, in the same order."""
        return b"".join([values[part] if isinstance(part, int) else part for part in self._parts])


class TicketPattern:
    """An opened ticket that is copied with other ids and times, because deciding each ticket would take too long."""

    def __init__(self, number: int, opened: datetime) -> None:
        """Open the ticket to copy.

        Args:
            number: of the pattern; each number has another customer and text.
            opened: when it was opened; its next action is due WARNED_AFTER later.

        """
        rng = random.Random(number)
        customer = Customer(
            name=f"{rng.choice('王李张刘陈杨赵黄周吴')}{rng.choice('伟芳娜敏静强磊洋丽勇')}",
            phone=f"+86138{rng.randrange(10**8):08}",
            address=f"建设路{rng.randrange(1, 900)}号{rng.randrange(1, 40)}栋{rng.randrange(101, 3300)}室",
            level="普通",
        )
        speeds = (f"{rng.randrange(6, 24)}点{rng.randrange(60)}分{rng.random() * 20:.2f}兆" for _ in range(9))
        text = f"家里宽带网速很慢，测速{'，'.join(speeds)}"
        scenario = TicketScenario.opened(contact(str(number), at=opened, customer=customer, text=text))
        ticket = scenario.current.replace(number=f"PATTERN-{number}")
        assert ticket.next_action_at == opened + WARNED_AFTER, f"this text has another next action: {text}"
        event = scenario.events[-1].replace(ticket=ticket)
        record = outgoing(event, "bench")
        replaced = (
            _text(ticket.id),
            _text(ticket.contact_id),
            ticket.number.encode(),
            _instant(ticket.next_action_at),
            b'"version":%d,' % ticket.version,
            _text(event.id),
            _text(event.command_id),
        )
        self._ticket = ticket
        self._replaced = replaced
        self._body = BytesTemplate(ticket.to_json(), replaced)
        self._value = BytesTemplate(record.value or b"", replaced)
        self._headers = record.headers

    def event(self, id_: UUID, number: str, at: datetime, version: int) -> Outgoing:
        """Return the event of a copy whose version has its next action at a time."""
        return self._event(self._values(id_, uuid4(), number, at, version))

    def due(self, at: datetime) -> DueTicket:
        """Return a copy that comes due at a time."""
        it, id_, contact_id, number = self._ticket, uuid4(), uuid4(), f"DUE{uuid4().hex[:12]}"
        values = self._values(id_, contact_id, number, at, it.version)
        row = (id_, number, it.version, partition(id_), it.status.value, contact_id, it.accepted_at, it.updated_at)
        return DueTicket(at.timestamp(), id_, (*row, self._body.fill(values).decode()), self._event(values))

    def _event(self, values: Sequence[bytes]) -> Outgoing:
        changed = dict(zip(self._replaced, values, strict=True))
        headers = [(name, changed.get(value, value)) for name, value in self._headers]
        return Outgoing(TicketEvent.TOPIC, values[0], self._value.fill(values), headers)

    @staticmethod
    def _values(id_: UUID, contact_id: UUID, number: str, at: datetime, version: int) -> tuple[bytes, ...]:
        """Return the values of a copy, in the order of the replaced byte strings."""
        version_field = b'"version":%d,' % version
        ids = (_text(uuid4()), _text(uuid4()))
        return _text(id_), _text(contact_id), number.encode(), _instant(at), version_field, *ids


def _text(id_: UUID) -> bytes:
    return str(id_).encode()


def _instant(at: datetime) -> bytes:
    return b'"%s"' % at.isoformat().replace("+00:00", "Z").encode()


class BackgroundEvents:
    """Events about open tickets that are not due; each moves its ticket's next action.

    A system needs one instance for its whole life: the monitor would skip an event that repeats an earlier version.
    """

    def __init__(self, tickets: int) -> None:
        self._tickets = tickets
        self._taken = 0
        now, rng = datetime.now(UTC), random.Random(tickets)
        self._patterns = [TicketPattern(number, now - WARNED_AFTER * rng.random()) for number in range(PATTERNS)]

    def take(self, count: int) -> list[Outgoing]:
        """Return the next events; each has a newer version than all earlier ones of its ticket."""
        at = datetime.now(UTC) + NOT_DUE_FOR
        first, self._taken = self._taken, self._taken + count
        return [self._event(place, at + timedelta(microseconds=place)) for place in range(first, first + count)]

    def _event(self, place: int, at: datetime) -> Outgoing:
        number, version = place % self._tickets, place // self._tickets + 2
        pattern = self._patterns[hash((number, version)) % PATTERNS]
        return pattern.event(open_ticket_id(number), f"OLD{number}", at, version)


def partition(id_: UUID) -> int:
    """Return a ticket's partition, as the producers compute it."""
    return int((murmur2(_text(id_)) & 0x7FFFFFFF) % PARTITIONS)


def open_ticket_id(number: int) -> UUID:
    """Return the id of an open ticket that is not due."""
    return uuid5(OPEN_TICKETS, str(number))


def fill(connection: psycopg.Connection, count: int) -> None:
    """Insert open tickets that are not due for days; only their timers are complete, because nothing else is read."""
    now = datetime.now(UTC)
    ids = [open_ticket_id(number) for number in range(count)]
    with connection.cursor() as cursor:
        with cursor.copy(_TICKETS) as copy:
            for number, id_ in enumerate(ids):
                row = (
                    id_,
                    f"OLD{number}",
                    1,
                    partition(id_),
                    "accepted",
                    uuid5(id_, "c"),
                    now,
                    now,
                    _LITTLE_BODY,
                    now - NOT_DUE_FOR,
                )
                copy.write_row(row)
        with cursor.copy(_CLOCKS) as copy:
            for number, id_ in enumerate(ids):
                copy.write_row((id_, partition(id_), 1, now + NOT_DUE_FOR + timedelta(seconds=number % 1_000_000)))
    connection.commit()
    connection.autocommit = True
    connection.execute("analyze ledger.clock")


_LITTLE_BODY = '{"policy": {"pack": "carrier"}}'
"""The least that the table's own columns are made from."""
_TICKETS = (
    "copy ledger.ticket (id, number, version, partition, status, contact_id, accepted_at, updated_at, body, saved_at)"
    " from stdin"
)
_CLOCKS = "copy ledger.clock (ticket_id, partition, version, next_at) from stdin"


def due(count: int, start: float, window: float) -> Iterator[DueTicket]:
    """Return tickets whose review warning comes due, one after the other over a window; created lazily.

    Args:
        count: number of tickets.
        start: start of the window, in seconds since the epoch.
        window: its length in seconds; a few minutes at most, because only the warning's time is adjusted.

    """
    opened = datetime.fromtimestamp(start, UTC) - WARNED_AFTER
    patterns = [TicketPattern(number, opened) for number in range(min(count, PATTERNS))]
    moments = (datetime.fromtimestamp(start + window * number / count, UTC) for number in range(count))
    return (patterns[number % len(patterns)].due(at) for number, at in enumerate(moments))


def insert(connection: psycopg.Connection, due_tickets: Iterable[DueTicket]) -> None:
    """Insert tickets that come due into the ledger's tables."""
    saved_at, inserted = datetime.now(UTC) - NOT_DUE_FOR, list(due_tickets)
    with connection.cursor() as cursor:
        with cursor.copy(_TICKETS) as copy:
            for ticket in inserted:
                copy.write_row((*ticket.row, saved_at))
        with cursor.copy(_CLOCKS) as copy:
            for ticket in inserted:
                id_, _, version, partition_, *_ = ticket.row
                copy.write_row((id_, partition_, version, datetime.fromtimestamp(ticket.at, UTC)))
