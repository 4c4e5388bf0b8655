"""Earlier contacts that opened tickets: whose they may be, and which of them a new contact refers to. Pure."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from schemas.contact import Contact, Customer
from services.domain.identity_matching import Relation, match_customers, plain_address
from services.domain.mail_address import is_valid
from services.router.domain.candidate import CandidateTicket

EARLIER_TICKET = "earlier_ticket"
"""Detail in which a regulator names the complaint that came before its appeal."""
REPLY_TO = "reply_to"
"""Detail that holds the address to which a mail wants its answer, if its sender's is another."""


def writer_of(contact: Contact) -> Customer:
    """Return who wrote a contact: without a phone that is only a hint, at the address that wants the answer."""
    reply_to = contact.details.get(REPLY_TO)
    if reply_to is None or not is_valid(reply_to):
        return contact.known_customer
    return contact.known_customer.replace(email=reply_to)


@dataclass(frozen=True, slots=True)
class EarlierContact:
    """An earlier contact that opened a ticket, and what is known about its customer.

    Attributes:
        ticket: the ticket, not yet compared with the contact that is being routed.
        customer: who opened it.
        names: of everybody who wrote about it.

    """

    ticket: CandidateTicket
    customer: Customer
    names: tuple[str, ...] = ()

    def may_be_of(self, customer: Customer) -> bool:
        """Return whether phone, customer number, mail or postal address or identity are those of another customer."""
        mine = self.customer
        pairs = (
            (mine.phone, customer.phone),
            (mine.number, customer.number),
            (mine.email, customer.email),
            (mine.identity, customer.identity),
            (plain_address(mine), plain_address(customer)),
        )
        return any(one is not None and one == other for one, other in pairs)

    def candidate_for(self, customer: Customer) -> CandidateTicket:
        """Return the ticket as a candidate for a contact of some customer."""
        match = match_customers(self.customer, customer, self.names)
        region = self.ticket.visiting_region or self.customer.visiting_region
        return dataclasses.replace(self.ticket, person=match.relation, match=match, visiting_region=region)

    def with_writer(self, customer: Customer) -> "EarlierContact":
        """Return a copy with one more person who wrote about the ticket."""
        return dataclasses.replace(self, names=(*self.names, customer.name)) if customer.name else self


def named_tickets(
    contact: Contact, forms: Mapping[str, tuple[UUID, UUID]], numbered: Mapping[str, EarlierContact]
) -> list[CandidateTicket]:
    """Return the tickets that a contact refers to: by its call, by the number it follows, as the one before it.

    Args:
        contact: the contact.
        forms: contact and ticket of each call's form, by the exchange's id.
        numbered: tickets by their number, with their customers.

    """
    tickets = []
    form = forms.get(contact.call or "")
    if form is not None and form[0] != contact.id:
        tickets.append(CandidateTicket(form[1], None, None, None, None, "", person="same", named="follows"))
    if (followed := numbered.get(contact.follows or "")) is not None:
        person: Relation = "same" if followed.may_be_of(writer_of(contact)) else "another"
        tickets.append(dataclasses.replace(followed.ticket, person=person, named="follows"))
    if (before := numbered.get(contact.details.get(EARLIER_TICKET, ""))) is not None:
        tickets.append(dataclasses.replace(before.ticket, named="before"))
    return tickets
