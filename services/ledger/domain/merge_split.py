"""One ticket out of two, two out of one (R2.7, DECISIONS 30)."""

from schemas.action import LinkTo, Merge, Open, Split
from schemas.command import Command
from schemas.contact import Contact
from schemas.ticket import Link, Status
from services.domain.ids import command_id, contact_id, ticket_id
from services.ledger.domain import names
from services.ledger.domain.decision_context import SYSTEM, CommandRejected, DecisionContext, because


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
    """Close this ticket in favour of another; both are linked, nothing of it is lost."""
    ticket = context.ticket
    if action.into == ticket.id:
        raise CommandRejected("same", "a ticket cannot be merged into itself", ("into",))
    context.record_event(
        "merged",
        because("merge", str(action.into), "merged by hand", "ours: DECISIONS 30"),
        {
            "status": Status.WITHDRAWN,
            "closed_at": context.at,
            "links": (*ticket.links, Link(ticket_id=action.into, kind="merged_into", reason=action.reason[:200])),
        },
        details={"ticket_id": action.into, "reason": action.reason},
    )
    context.commands.append(
        Command(
            id=command_id(context.command.id, "link"),
            ticket_id=action.into,
            at=context.command.at,
            actor=SYSTEM,
            action=LinkTo(link=Link(ticket_id=ticket.id, kind="merged_from", reason=action.reason[:200])),
        )
    )
