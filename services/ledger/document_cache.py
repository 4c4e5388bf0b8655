"""Caches the JSON documents of a batch: each is serialised once, for the database and for the topics.

On the topics, tickets and events are bounded in size (`services.ledger.domain.published`); mostly that leaves nothing
out, and the document of the database is published as it is.
"""

from uuid import UUID

from schemas.event import TicketEvent
from schemas.ticket import Ticket
from services.ledger.domain.published import published_change, published_ticket


class DocumentCache:
    """The documents of one batch that were serialised so far."""

    def __init__(self) -> None:
        self._tickets: dict[tuple[UUID, int], bytes] = {}
        self._published: dict[tuple[UUID, int], bytes] = {}
        self._changes: dict[UUID, bytes] = {}

    def ticket(self, ticket: Ticket) -> bytes:
        """Return the document of a ticket as it is stored."""
        key = (ticket.id, ticket.version)
        if key not in self._tickets:
            self._tickets[key] = ticket.to_json()
        return self._tickets[key]

    def change(self, event: TicketEvent) -> bytes:
        """Return the document of an event without its ticket, as it is stored."""
        if event.id not in self._changes:
            self._changes[event.id] = event.change.to_json()
        return self._changes[event.id]

    def published_ticket(self, ticket: Ticket) -> bytes:
        """Return the document of a ticket as it is published."""
        key = (ticket.id, ticket.version)
        if key not in self._published:
            self._published[key] = published_ticket(ticket, self.ticket(ticket))
        return self._published[key]

    def published_event(self, event: TicketEvent) -> bytes:
        """Return the document of an event with its ticket as the last field, as it is published."""
        ticket = self.published_ticket(event.ticket)
        return b'%b,"ticket":%b}' % (published_change(event, self.change(event), ticket)[:-1], ticket)
