"""Checks that folded events, stored tickets and the last records of tickets.state are the same (promise 3).

Memory does not grow with the number of tickets: what tickets.state holds goes into a temporary table, as digests, and
digests, tickets and events are then read side by side in the order of the tickets' ids.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from itertools import groupby
from operator import itemgetter
from uuid import UUID

import msgspec
import psycopg
from psycopg import IsolationLevel

from schemas.event import TicketChange
from schemas.ticket import Ticket
from schemas.unknown_fields import encode
from services.ledger import store
from services.ledger.batch_rows import threshold_key
from services.ledger.domain.evolve import evolve
from services.ledger.domain.published import published_ticket
from services.shared.kafka.records import Incoming


@dataclass(slots=True)
class Verification:
    """How many tickets were compared, and how many differences were reported."""

    tickets: int = 0
    differences: int = 0


def verify(connection: psycopg.Connection, states: Iterable[Incoming], report: Callable[[str], None]) -> Verification:
    """Compare everything, and report each difference when it is found.

    Run it when no command is being handled: a ticket that changes meanwhile may be reported as different.

    Args:
        connection: not in a transaction.
        states: every record of tickets.state, in order within each partition.
        report: is called with a sentence for each difference.

    Raises:
        Retryable: the broker is unavailable.

    """
    result = Verification()

    def found(difference: str) -> None:
        result.differences += 1
        report(difference)

    store.save_published_states(connection, _digests(states, found))
    connection.set_isolation_level(IsolationLevel.REPEATABLE_READ)
    with connection.transaction():
        streams: tuple[Iterator[tuple[UUID, object]], ...] = (
            store.published_states(connection),
            store.tickets_in_order(connection),
            store.changes_in_order(connection),
        )
        for id_, parts in groupby(heapq.merge(*streams, key=itemgetter(0)), key=itemgetter(0)):
            result.tickets += _check_ticket(id_, (part for _, part in parts), found)
    return result


def _digests(states: Iterable[Incoming], report: Callable[[str], None]) -> Iterator[tuple[UUID, int, bytes | None]]:
    """Yield id, offset and digest of each record; no digest for the record that deletes a ticket from the topic."""
    for record in states:
        try:
            id_ = UUID((record.key or b"").decode())
            digest = _digest(Ticket.from_record(record.value)) if record.value is not None else None
        except (ValueError, msgspec.MsgspecError) as error:
            report(f"tickets.state, partition {record.partition}, offset {record.offset}: {error}")
        else:
            yield id_, record.offset, digest


def _digest(published: Ticket) -> bytes:
    # PostgreSQL does not keep the order of the names in an object.
    return blake2b(encode(published, order="deterministic"), digest_size=16).digest()


def _check_ticket(id_: UUID, parts: Iterator[object], report: Callable[[str], None]) -> bool:
    """Compare what there is of one ticket: its digest, itself, then its events; returns whether it is stored."""
    published: bytes | None = None
    ticket: Ticket | None = None
    folding = _Folding()
    for part in parts:
        if isinstance(part, bytes):
            published = part
        elif isinstance(part, Ticket):
            ticket = part
        elif isinstance(part, TicketChange):
            folding.add(part)
    if ticket is None:
        report(f"{id_}: tickets.state has a ticket that is not stored")
        return False
    for difference in folding.differences(ticket):
        report(f"{ticket.number}: {difference}")
    if published is None:
        report(f"{ticket.number}: tickets.state has no record of it")
    elif published != _digest(Ticket.from_record(published_ticket(ticket, ticket.to_json()))):
        report(f"{ticket.number}: the last record of tickets.state is not the stored ticket")
    return True


class _Folding:
    """Folds the events of one ticket."""

    def __init__(self) -> None:
        self._events = 0
        self._ticket: Ticket | None = None
        self._problem: str | None = None
        self._thresholds: set[str] = set()
        self._repeated = False

    def add(self, event: TicketChange) -> None:
        self._events += 1
        key = threshold_key(event)
        if key is not None:
            self._repeated |= key in self._thresholds
            self._thresholds.add(key)
        if self._problem is None:
            try:
                self._ticket = evolve(self._ticket, event)
            except ValueError as error:
                self._problem = str(error)

    def differences(self, stored: Ticket) -> Iterator[str]:
        """Yield what is wrong with the events of a stored ticket."""
        if self._problem is not None:
            yield self._problem
        elif self._ticket != stored:
            yield f"the stored ticket is not what its {self._events} events make"
        if self._repeated:
            yield "a threshold was decided twice"
