"""Tickets for the monitor's measurements: many that are not due, and some that come due when they should."""

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
FAR = timedelta(days=3)
WARNED_AFTER = timedelta(hours=3.6)
"""The review's limit is four hours and its warning comes after nine tenths of them."""
PATTERNS = 500
"""Tickets of different people, with different texts, of which all others are copies; the peers' driver has as many."""
SPACE = UUID(int=0xD0BA)


@dataclass(frozen=True)
class Due:
    """A ticket that comes due.

    Attributes:
        at: when, in seconds since 1970.
        id: of the ticket.
        row: of ledger.ticket, up to its body.
        news: the record that tells the monitor.

    """

    at: float
    id: UUID
    row: tuple[Any, ...]
    news: Outgoing


class Blank:
    """A text with gaps to be filled in."""

    def __init__(self, text: bytes, gaps: Sequence[bytes]) -> None:
        parts = re.split(b"(%s)" % b"|".join(map(re.escape, gaps)), text)
        self._parts = [gaps.index(each) if each in gaps else each for each in parts]

    def filled(self, values: Sequence[bytes]) -> bytes:
        """Return the text with values in the places of the gaps, in their order."""
        return b"".join([values[each] if isinstance(each, int) else each for each in self._parts])


class Pattern:
    """A ticket just opened, to make others like it: deciding each anew would take longer than what is measured."""

    def __init__(self, number: int, opened: datetime) -> None:
        """Open the ticket of a number at an instant; another number is another person with another text.

        Args:
            number: of the pattern.
            opened: when it was opened; next it has to be looked at WARNED_AFTER that.

        """
        chance = random.Random(number)
        customer = Customer(
            name=f"{chance.choice('王李张刘陈杨赵黄周吴')}{chance.choice('伟芳娜敏静强磊洋丽勇')}",
            phone=f"+86138{chance.randrange(10**8):08}",
            address=f"建设路{chance.randrange(1, 900)}号{chance.randrange(1, 40)}栋{chance.randrange(101, 3300)}室",
            level="普通",
        )
        tested = (f"{chance.randrange(6, 24)}点{chance.randrange(60)}分{chance.random() * 20:.2f}兆" for _ in range(9))
        text = f"家里宽带网速很慢，测速{'，'.join(tested)}"
        scenario = TicketScenario.opened(contact(str(number), at=opened, customer=customer, text=text))
        ticket = scenario.current.replace(number=f"PATTERN-{number}")
        assert ticket.next_action_at == opened + WARNED_AFTER, f"this text makes it another ticket: {text}"
        event = scenario.events[-1].replace(ticket=ticket)
        news = outgoing(event, "bench")
        gaps = (
            _text(ticket.id),
            _text(ticket.contact_id),
            ticket.number.encode(),
            _instant(ticket.next_action_at),
            b'"version":%d,' % ticket.version,
            _text(event.id),
            _text(event.command_id),
        )
        self._ticket = ticket
        self._gaps = gaps
        self._body = Blank(ticket.to_json(), gaps)
        self._value = Blank(news.value or b"", gaps)
        self._headers = news.headers

    def news(self, id_: UUID, number: str, at: datetime, version: int) -> Outgoing:
        """Return the event of another ticket like it, of a version, that next has to be looked at then."""
        return self._news(self._values(id_, uuid4(), number, at, version))

    def due(self, at: datetime) -> Due:
        """Return another ticket like it that comes due then."""
        it, id_, contact_id, number = self._ticket, uuid4(), uuid4(), f"DUE{uuid4().hex[:12]}"
        values = self._values(id_, contact_id, number, at, it.version)
        row = (id_, number, it.version, partition(id_), it.status.value, contact_id, it.accepted_at, it.updated_at)
        return Due(at.timestamp(), id_, (*row, self._body.filled(values).decode()), self._news(values))

    def _news(self, values: Sequence[bytes]) -> Outgoing:
        changed = dict(zip(self._gaps, values, strict=True))
        headers = [(name, changed.get(value, value)) for name, value in self._headers]
        return Outgoing(TicketEvent.TOPIC, values[0], self._value.filled(values), headers)

    @staticmethod
    def _values(id_: UUID, contact_id: UUID, number: str, at: datetime, version: int) -> tuple[bytes, ...]:
        """Return what belongs into the gaps; event and command have ids of their own."""
        told = b'"version":%d,' % version
        return _text(id_), _text(contact_id), number.encode(), _instant(at), told, _text(uuid4()), _text(uuid4())


def _text(id_: UUID) -> bytes:
    return str(id_).encode()


def _instant(at: datetime) -> bytes:
    return b'"%s"' % at.isoformat().replace("+00:00", "Z").encode()


class News:
    """Events about open tickets that are not due, in turn; each moves its ticket's next action.

    One for each system, however often it is asked: an event that was there before would be passed over by the
    monitor, and what was measured would be the passing over.
    """

    def __init__(self, tickets: int) -> None:
        self._tickets = tickets
        self._told = 0
        now, chance = datetime.now(UTC), random.Random(tickets)
        self._patterns = [Pattern(each, now - WARNED_AFTER * chance.random()) for each in range(PATTERNS)]

    def take(self, count: int) -> list[Outgoing]:
        """Return so many events; each is newer than all before it of its ticket."""
        at = datetime.now(UTC) + FAR
        first, self._told = self._told, self._told + count
        return [self._event(each, at + timedelta(microseconds=each)) for each in range(first, first + count)]

    def _event(self, place: int, at: datetime) -> Outgoing:
        number, version = place % self._tickets, place // self._tickets + 2
        pattern = self._patterns[hash((number, version)) % PATTERNS]
        return pattern.news(old(number), f"OLD{number}", at, version)


def partition(id_: UUID) -> int:
    """Return the partition of a ticket, as every producer chooses it."""
    return int((murmur2(_text(id_)) & 0x7FFFFFFF) % PARTITIONS)


def old(number: int) -> UUID:
    """Return the id of one of the tickets that are not due."""
    return uuid5(SPACE, str(number))


def fill(connection: psycopg.Connection, count: int) -> None:
    """Put tickets into the ledger's tables that are due in some days; of such a ticket only its clock is ever read."""
    now = datetime.now(UTC)
    ids = [old(number) for number in range(count)]
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


def due(count: int, start: float, window: float) -> Iterator[Due]:
    """Return tickets whose review has to be warned of, one after the other over a window; each is made when asked for.

    Args:
        count: how many.
        start: of the window, in seconds since 1970.
        window: its length in seconds, some minutes at most: only the warning is moved from ticket to ticket.

    """
    opened = datetime.fromtimestamp(start, UTC) - WARNED_AFTER
    patterns = [Pattern(number, opened) for number in range(min(count, PATTERNS))]
    moments = (datetime.fromtimestamp(start + window * number / count, UTC) for number in range(count))
    return (patterns[number % len(patterns)].due(at) for number, at in enumerate(moments))


def insert(connection: psycopg.Connection, told: Iterable[Due]) -> None:
    """Put tickets that come due into the ledger's tables."""
    before, told = datetime.now(UTC) - FAR, list(told)
    with connection.cursor() as cursor:
        with cursor.copy(_TICKETS) as copy:
            for each in told:
                copy.write_row((*each.row, before))
        with cursor.copy(_CLOCKS) as copy:
            for each in told:
                id_, _, version, where, *_ = each.row
                copy.write_row((id_, where, version, datetime.fromtimestamp(each.at, UTC)))
