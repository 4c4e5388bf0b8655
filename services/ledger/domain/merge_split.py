"""One ticket out of two, two out of one (R2.7, DECISIONS 30)."""

from schemas.action import LinkTo, Merge, Open, Split
from schemas.command import Command
from schemas.contact import Contact
from schemas.ticket import OVER, Link, Status
from services.domain.identity_matching import match_customers
from services.domain.ids import command_id, contact_id, ticket_id
from services.ledger.domain import names
from services.ledger.domain.decision_context import SYSTEM, CommandRejected, DecisionContext, because
from services.ledger.domain.named_ticket import MERGED_FROM, MERGED_INTO, NamedTicket, surviving


def split(context: DecisionContext, action: Split) -> None:
    """Open a ticket for what is another matter; it keeps the time of the contact that named it."""
    names.check_classification(context, action.classification)
    ticket = context.ticket
    contact = Contact(
        id=contact_id("ledger", "split", str(context.command.id)),
        sender="ledger",
        channel=ticket.channel,
        message_id=f"{ticket.number}/{context.command.id}",
        policy=ticket.policy.pack,
        received_at=context.at,
        contacted_at=ticket.contacted_at,
        customer=ticket.customer,
        text=action.text,
    )
    new = ticket_id(contact.id)
    back = Link(ticket_id=ticket.id, kind="split_from", reason=action.reason[:200])
    context.record_event(
        "split",
        because("split", str(new), "split by hand", "ours: DECISIONS 30"),
        {"links": (*ticket.links, Link(ticket_id=new, kind="split_into", reason=action.reason[:200]))},
        details={"ticket_id": new, "reason": action.reason},
    )
    context.commands.append(
        Command(
            id=command_id(context.command.id, "open"),
            ticket_id=new,
            at=context.command.at,
            actor=SYSTEM,
            policy=ticket.policy.pack,
            action=Open(contact=contact, classification=action.classification, links=(back,)),
        )
    )


def merge(context: DecisionContext, action: Merge) -> None:
    """Close this ticket in favour of another; both are linked, nothing of it is lost.

    Only into an open ticket: what was merged is never open again, so merges make no circle.
    """
    ticket = context.ticket
    if action.into == ticket.id:
        raise CommandRejected("same", "a ticket cannot be merged into itself", ("into",))
    _check_survivor(context, context.other_ticket(action.into, field="into"))
    context.record_event(
        "merged",
        because("merge", str(action.into), "merged by hand", "ours: DECISIONS 30"),
        {
            "status": Status.WITHDRAWN,
            "closed_at": context.at,
            "merged_into": action.into,
            "links": (*ticket.links, Link(ticket_id=action.into, kind=MERGED_INTO, reason=action.reason[:200])),
        },
        details={"ticket_id": action.into, "reason": action.reason},
    )
    context.commands.append(
        Command(
            id=command_id(context.command.id, "link"),
            ticket_id=action.into,
            at=context.command.at,
            actor=SYSTEM,
            action=LinkTo(link=Link(ticket_id=ticket.id, kind=MERGED_FROM, reason=action.reason[:200])),
        )
    )


def _check_survivor(context: DecisionContext, into: NamedTicket) -> None:
    """Refuse to merge into a ticket that is not open, or that is another customer's."""
    if into.merged_into is not None:
        survivor = surviving(context.named, into.merged_into)
        advice = f"merge into {survivor.number}" if survivor is not None else "link the tickets instead"
        raise CommandRejected("merged", f"{into.number} was itself merged into another ticket: {advice}", ("into",))
    if into.status in OVER:
        raise CommandRejected(
            "not_open", f"{into.number} is {into.status}: merge into an open ticket, or link the tickets", ("into",)
        )
    match = match_customers(context.ticket.known_customer, into.customer)
    # A house is nobody: who else lives there is another customer.
    if match.relation == "another" or match.suggested == ("address",):
        raise CommandRejected(
            "other_customer",
            f"nothing shows that {into.number} is of the same customer: correct the customer's data, or link them",
            ("into",),
        )
