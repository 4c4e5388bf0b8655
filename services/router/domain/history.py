"""Earlier contacts as the router knows them while it handles a batch: tickets, and lines that wait for one. Pure."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from schemas.contact import Contact
from services.router.domain.added import PAUSE
from services.router.domain.candidate import CandidateTicket
from services.router.domain.decision import RoutingDecision
from services.router.domain.earlier_contact import EarlierContact, named_tickets, writer_of
from services.router.domain.message import CHATS, CONVERSATION


@dataclass
class RoutingHistory:
    """Earlier contacts, latest first; grows while a batch is handled.

    Attributes:
        earlier: contacts that opened tickets.
        held: lines of conversations that opened nothing and belong to no ticket yet, oldest first.

    """

    earlier: list[EarlierContact] = field(default_factory=list)
    held: list[Contact] = field(default_factory=list)

    def candidates(
        self, contact: Contact, forms: Mapping[str, tuple[UUID, UUID]], numbered: Mapping[str, EarlierContact]
    ) -> list[CandidateTicket]:
        """Return the tickets that a contact may belong to; see `named_tickets` for the arguments."""
        writer = writer_of(contact)
        known = [other.candidate_for(writer) for other in self.earlier if other.may_be_of(writer)]
        return [*named_tickets(contact, forms, numbered), *known]

    def record(self, contact: Contact, decision: RoutingDecision) -> list[Contact]:
        """Take note of where a contact went; returns the lines before it that its new ticket takes."""
        if decision.disposition == "open":
            self.earlier.insert(0, as_earlier(contact, decision))
            lines = [line for line in self.held if is_line_before(line, contact)]
            taken = {line.id for line in lines}
            self.held = [line for line in self.held if line.id not in taken]
            return lines
        if is_held(contact, decision):
            self.held.append(contact)
        elif decision.disposition in {"remind", "add"}:
            self.earlier = [
                with_line(other, contact) if other.ticket.ticket_id == decision.ticket_id else other
                for other in self.earlier
            ]
        return []


def is_held(contact: Contact, decision: RoutingDecision) -> bool:
    """Return whether a contact is a line of a conversation that opened nothing, so that a later line takes it along."""
    return decision.disposition == "none" and contact.channel in CHATS


def as_earlier(contact: Contact, decision: RoutingDecision) -> EarlierContact:
    """Return a contact that has just opened a ticket as later ones see it."""
    classification = decision.classification
    ticket = CandidateTicket(
        decision.ticket_id,
        None,
        None,
        classification.business_type,
        classification.problem_type,
        contact.text,
        person="same",
        kind=classification.kind,
        channel=contact.channel,
        conversation=contact.details.get(CONVERSATION),
        last_at=contact.received_at,
    )
    return EarlierContact(ticket, writer_of(contact))


def with_line(earlier: EarlierContact, contact: Contact) -> EarlierContact:
    """Return an earlier contact whose ticket has got a further one."""
    ticket = dataclasses.replace(
        earlier.ticket,
        channel=contact.channel,
        conversation=contact.details.get(CONVERSATION),
        last_at=contact.received_at,
    )
    return dataclasses.replace(earlier, ticket=ticket).with_writer(contact.customer)


def is_line_before(line: Contact, contact: Contact) -> bool:
    """Return whether a line came in the conversation in which a contact came, shortly before it."""
    if line.channel != contact.channel or abs(contact.received_at - line.received_at) >= PAUSE:
        return False
    conversations = line.details.get(CONVERSATION), contact.details.get(CONVERSATION)
    if None not in conversations:
        return conversations[0] == conversations[1]
    ways = ((line.customer.identity, contact.customer.identity), (line.customer.phone, contact.customer.phone))
    return any(one is not None and one == other for one, other in ways)
