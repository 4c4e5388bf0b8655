"""One ticket out of two, two out of one (R2.7, DECISIONS 30)."""

from schemas.action import LinkTo, Merge, Open, Split
from schemas.command import Command
from schemas.contact import Contact
from schemas.ticket import Link, SlaTimer, Status
from services.domain.ids import command_id, contact_id, ticket_id
from services.domain.sla import timer as clocks
from services.ledger.domain.decision_context import SYSTEM, CommandRejected, DecisionContext, because


def split(story: DecisionContext, action: Split) -> None:
    """Open a ticket for what is another matter; it keeps the time of the contact that named it."""
    ticket = story.ticket
    contact = Contact(
        id=contact_id("ledger", "split", str(story.command.id)),
        sender="ledger",
        channel=ticket.channel,
        message_id=f"{ticket.number}/{story.command.id}",
        policy=ticket.policy.pack,
        received_at=story.at,
        contacted_at=ticket.contacted_at,
        customer=ticket.customer,
        text=action.text,
    )
    new = ticket_id(contact.id)
    back = Link(ticket_id=ticket.id, kind="split_from", reason=action.reason[:200])
    story.happen(
        "split",
        because("split", str(new), "split by hand", "ours: DECISIONS 30"),
        {"links": (*ticket.links, Link(ticket_id=new, kind="split_into", reason=action.reason[:200]))},
        details={"ticket_id": new, "reason": action.reason},
    )
    story.commands.append(
        Command(
            id=command_id(story.command.id, "open"),
            ticket_id=new,
            at=story.command.at,
            actor=SYSTEM,
            policy=ticket.policy.pack,
            action=Open(contact=contact, classification=action.classification, links=(back,)),
        )
    )


def merge(story: DecisionContext, action: Merge) -> None:
    """Close this ticket in favour of another; both are linked, nothing of it is lost."""
    ticket = story.ticket
    if action.into == ticket.id:
        raise CommandRejected("same", "a ticket cannot be merged into itself", ("into",))
    story.happen(
        "merged",
        because("merge", str(action.into), "merged by hand", "ours: DECISIONS 30"),
        {
            "status": Status.WITHDRAWN,
            "suspended": None,
            "closed_at": story.at,
            "links": (*ticket.links, Link(ticket_id=action.into, kind="merged_into", reason=action.reason[:200])),
        },
        changed=_stopped(story),
        details={"ticket_id": action.into, "reason": action.reason},
    )
    story.commands.append(
        Command(
            id=command_id(story.command.id, "link"),
            ticket_id=action.into,
            at=story.command.at,
            actor=SYSTEM,
            action=LinkTo(link=Link(ticket_id=ticket.id, kind="merged_from", reason=action.reason[:200])),
        )
    )


def _stopped(story: DecisionContext) -> list[SlaTimer]:
    """Return every clock ended: the other ticket's clocks watch over the matter from here on."""
    return [
        clocks.stop(each, story.at, by="merged", reason="merged", calendar=story.policy.calendar(each.calendar))
        for each in story.ticket.clocks
        if each.stopped_at is None
    ]
