"""Opens a re-handle ticket when a customer is dissatisfied at the callback (R5.5). Pure."""

from datetime import datetime

from schemas.action import LinkTo, Open
from schemas.command import Actor, Command
from schemas.contact import Contact
from schemas.event import TicketEvent
from schemas.ticket import Link, Reason
from services.domain.ids import command_id, contact_id, ticket_id

ACTOR = Actor(kind="service", name="callback")
CHANNEL = "callback"
SOURCE = "R5.5"


def rehandle_commands(event: TicketEvent, now: datetime) -> list[Command]:
    """Return the commands that open the re-handle ticket and link both tickets; the same event gives the same ids."""
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
        text=_contact_text(event),
        kind=first.classification.kind,
        business_type=first.classification.business_type,
        problem_type=first.classification.problem_type,
    )
    rehandle_ticket = ticket_id(contact.id)
    department = first.handled_by or first.classification.department
    reason = Reason(
        subject="department", value=department or "", rule="back to the responsible department", source=SOURCE
    )
    others = (each for each in first.classification.reasons if each.subject != "department")
    classification = first.classification.replace(department=department, reasons=(*others, reason))
    cause = f"dissatisfied at the callback of {first.number}"
    return [
        Command(
            id=command_id(contact.id, "open"),
            ticket_id=rehandle_ticket,
            at=now,
            actor=ACTOR,
            policy=first.policy.pack,
            action=Open(
                contact=contact,
                classification=classification,
                links=(Link(ticket_id=first.id, kind="rehandle", reason=cause),),
            ),
        ),
        Command(
            id=command_id(contact.id, "link"),
            ticket_id=first.id,
            at=now,
            actor=ACTOR,
            action=LinkTo(link=Link(ticket_id=rehandle_ticket, kind="rehandled_by", reason=cause)),
        ),
    ]


def _contact_text(event: TicketEvent) -> str:
    survey = event.ticket.survey
    assert survey is not None
    scores = f"process {survey.process}, result {survey.result}, staff {survey.staff}"
    comment = f": {survey.comment}" if survey.comment else ""
    return f"[{event.ticket.number}] dissatisfied ({scores}){comment}\n{event.ticket.subject}"
