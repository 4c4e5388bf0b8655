"""Other tickets that a command names: to merge into, to link to, those that its own was merged into. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self
from uuid import UUID

from schemas.action import AddContact, LinkTo, Merge, Open, Remind
from schemas.command import Command
from schemas.contact import Customer
from schemas.ticket import GONE, Status, Ticket

MERGED_INTO = "merged_into"
MERGED_FROM = "merged_from"


@dataclass(frozen=True, slots=True)
class NamedTicket:
    """Another ticket than the one that a command goes to.

    Attributes:
        version: on which the decision is based; saving it fails when the ticket has changed since.
        pack: the policy pack under which it runs.
        merged_into: the ticket that it was merged into; None if it was not merged.

    """

    id: UUID
    number: str
    version: int
    pack: str
    status: Status
    customer: Customer
    merged_into: UUID | None

    @classmethod
    def of(cls, ticket: Ticket) -> Self:
        """Return a ticket as another one's decision sees it."""
        return cls(
            ticket.id,
            ticket.number,
            ticket.version,
            ticket.policy.pack,
            ticket.status,
            ticket.known_customer,
            merged_into(ticket),
        )


NamedTickets = Mapping[UUID, NamedTicket]


def merged_into(ticket: Ticket) -> UUID | None:
    """Return the ticket that a ticket was merged into, also if that was before tickets had a field for it."""
    if ticket.merged_into is not None or ticket.status not in GONE:
        return ticket.merged_into
    return next((link.ticket_id for link in ticket.links if link.kind == MERGED_INTO), None)


def named_by(command: Command, ticket: Ticket | None) -> UUID | None:
    """Return the other ticket that the decision of a command looks at; None for nearly every command.

    Args:
        command: that is to be decided.
        ticket: that it goes to.

    """
    action = command.action
    if isinstance(action, Merge):
        return action.into
    if isinstance(action, LinkTo):
        return action.link.ticket_id
    if ticket is not None and isinstance(action, Remind | AddContact | Open):
        return merged_into(ticket)
    return None


def surviving(named: NamedTickets, into: UUID) -> NamedTicket | None:
    """Return the ticket at the end of a chain of merges; None where the chain has none, as no chain should.

    Args:
        named: the tickets of the chain.
        into: the first of them.

    """
    seen: set[UUID] = set()
    found = named.get(into)
    while found is not None and found.merged_into is not None:
        if found.id in seen:
            return None
        seen.add(found.id)
        found = named.get(found.merged_into)
    return found
