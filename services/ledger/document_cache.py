"""The JSON documents of a batch: each ticket and each change is written once, for its row and for its topics."""

from uuid import UUID

from schemas.event import TicketEvent
from schemas.ticket import Ticket


class DocumentCache:
    """What was written so far of one batch."""

    def __init__(self) -> None:
        self._tickets: dict[tuple[UUID, int], bytes] = {}
        self._changes: dict[UUID, bytes] = {}

    def ticket(self, ticket: Ticket) -> bytes:
        """Return a ticket as a document."""
        key = (ticket.id, ticket.version)
        if key not in self._tickets:
            self._tickets[key] = ticket.to_json()
        return self._tickets[key]

    def change(self, event: TicketEvent) -> bytes:
        """Return an event without the ticket after it as a document."""
        if event.id not in self._changes:
            self._changes[event.id] = event.change.to_json()
        return self._changes[event.id]

    def event(self, event: TicketEvent) -> bytes:
        """Return an event as a document; the ticket after it is its last field."""
        return b'%b,"ticket":%b}' % (self.change(event)[:-1], self.ticket(event.ticket))
