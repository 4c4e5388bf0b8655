"""Checks that folded events, stored tickets and the last records of tickets.state are the same (promise 3)."""

from collections.abc import Iterator, Sequence
from uuid import UUID

import psycopg

from schemas.event import TicketChange
from schemas.ticket import Ticket
from services.ledger import store
from services.ledger.batch_rows import threshold_key
from services.ledger.domain.evolve import evolve
from services.ledger.domain.published import published_ticket
from services.shared.kafka import topic_reader
from services.shared.runtime.settings import KafkaSettings


def verify(connection: psycopg.Connection, kafka: KafkaSettings) -> tuple[int, list[str]]:
    """Return the number of tickets and every difference found.

    Run it when no command is being handled: a ticket that changes meanwhile may be reported as different.

    Raises:
        Retryable: the broker is unavailable.

    """
    differences: list[str] = []
    last = {record.key: record.value for record in topic_reader.read_all(kafka, Ticket.TOPIC)}
    count = 0
    for ticket, events in store.all_tickets(connection):
        count += 1
        differences += _check_events(ticket, events)
        value = last.pop(str(ticket.id).encode(), None)
        if value is None:
            differences.append(f"{ticket.number}: tickets.state has no record of it")
        elif Ticket.from_record(value) != Ticket.from_record(published_ticket(ticket, ticket.to_json())):
            differences.append(f"{ticket.number}: the last record of tickets.state is not the stored ticket")
    differences += [f"{UUID((key or b'').decode())}: tickets.state has a ticket that is not stored" for key in last]
    return count, differences


def _check_events(ticket: Ticket, events: Sequence[TicketChange]) -> Iterator[str]:
    folded: Ticket | None = None
    for event in events:
        try:
            folded = evolve(folded, event)
        except ValueError as error:
            yield f"{ticket.number}: {error}"
            return
    if folded != ticket:
        yield f"{ticket.number}: the stored ticket is not what its {len(events)} events make"
    keys = [key for event in events if (key := threshold_key(event)) is not None]
    if len(keys) != len(set(keys)):
        yield f"{ticket.number}: a threshold was decided twice"
