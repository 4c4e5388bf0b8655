"""Caches the JSON documents of a batch: each is serialised once, for the database and for the topics."""

from uuid import UUID

from schemas.event import TicketEvent
from schemas.ticket import Ticket


class DocumentCache:
    """The documents of one batch that were serialised so far."""

    def __init__(self) -> None:
        self._tickets: dict[tuple[UUID, int], bytes] = {}
        self._changes: dict[UUID, bytes] = {}

    def ticket(self, ticket: Ticket) -> bytes:
        """Return the document of a ticket."""
        key = (ticket.id, ticket.version)
        if key not in self._tickets:
            self._tickets[key] = ticket.to_json()
        return self._tickets[key]

    def change(self, event: TicketEvent) -> bytes:
        """Return the document of an event without its ticket, as it is stored."""
        if event.id not in self._changes:
            self._changes[event.id] = event.change.to_json()
        return self._changes[event.id]

    def event(self, event: TicketEvent) -> bytes:
        """Return the document of an event with its ticket as the last field, as it is published."""
        return b'%b,"ticket":%b}' % (self.change(event)[:-1], self.ticket(event.ticket))
