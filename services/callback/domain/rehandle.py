"""A customer who is dissatisfied at the callback gets the case handled again (R5.5). Pure."""

from datetime import datetime

from schemas.action import LinkTo, Open
from schemas.command import Actor, Command
from schemas.contact import Contact
from schemas.event import TicketEvent
from schemas.ticket import Link, Reason
from services.domain.ids import command_id, contact_id, ticket_id

ACTOR = Actor(kind="service", name="callback")
CHANNEL = "callback"
SOURCE = "002-1 §2.4.6"


def commands(event: TicketEvent, now: datetime) -> list[Command]:
    """Return what opens the re-handle ticket and ties both together; the same event always gives the same commands."""
    first = event.ticket
    assert first.survey is not None
    contact = Contact(
        id=contact_id("callback", CHANNEL, f"{first.id}/{first.run}"),
        sender="callback",
        channel=CHANNEL,
        message_id=f"{first.number}/{first.run}",
        policy=first.policy.pack,
        received_at=event.at,
        customer=first.customer,
        text=_text(event),
        kind=first.classification.kind,
        business_type=first.classification.business_type,
        problem_type=first.classification.problem_type,
    )
    again = ticket_id(contact.id)
    department = first.handled_by or first.classification.department
    reason = Reason(
        subject="department", value=department or "", rule="back to the responsible department", source=SOURCE
    )
    reasons = (*(each for each in first.classification.reasons if each.subject != "department"), reason)
    told = first.classification.replace(department=department, reasons=reasons)
    why = f"dissatisfied at the callback of {first.number}"
    return [
        Command(
            id=command_id(contact.id, "open"),
            ticket_id=again,
            at=now,
            actor=ACTOR,
            policy=first.policy.pack,
            action=Open(
                contact=contact, classification=told, links=(Link(ticket_id=first.id, kind="rehandle", reason=why),)
            ),
        ),
        Command(
            id=command_id(contact.id, "link"),
            ticket_id=first.id,
            at=now,
            actor=ACTOR,
            action=LinkTo(link=Link(ticket_id=again, kind="rehandled_by", reason=why)),
        ),
    ]


def _text(event: TicketEvent) -> str:
    survey = event.ticket.survey
    assert survey is not None
    scores = f"process {survey.process}, result {survey.result}, staff {survey.staff}"
    said = f": {survey.comment}" if survey.comment else ""
    return f"[{event.ticket.number}] dissatisfied ({scores}){said}\n{event.ticket.subject}"
