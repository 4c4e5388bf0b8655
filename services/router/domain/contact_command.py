"""The commands that a routed contact becomes: to open a ticket, to remind of one, to add to one, to reply. Pure."""

from collections.abc import Iterable
from uuid import UUID

from schemas.action import AddContact, LinkTo, Open, Remind
from schemas.command import Action, Actor, Command
from schemas.contact import Contact
from schemas.customer_actions import AnswerSurvey, EndCallback
from schemas.ticket import Link
from services.domain.ids import command_id
from services.router.domain.decision import RoutingDecision

ACTOR = Actor(kind="service", name="router")
ABOUT_IT = "repeated_by"
"""Kind of the link from a case to a ticket about it."""


def commands_for(contact: Contact, decision: RoutingDecision) -> tuple[Command, ...]:
    """Return the commands of a routed contact: one to its ticket, and one to each ticket that is linked back."""
    if decision.disposition == "none":
        return ()
    if decision.reply is not None:
        survey = decision.reply.survey
        reply: Action = AnswerSurvey(survey=survey) if survey is not None else EndCallback(reason="opted_out")
        actor = Actor(kind="customer", name="customer", proof="own_channel")
        return (_command(contact, "survey", decision.ticket_id, reply, actor),)
    first = _command(contact, decision.disposition, decision.ticket_id, _action(contact, decision))
    return (first, *(_back(contact, decision, link) for link in decision.links if decision.linked_back))


def lines_before(lines: Iterable[Contact], contact: Contact, decision: RoutingDecision) -> tuple[Command, ...]:
    """Return the commands that add the earlier lines of a conversation, which opened nothing, to its ticket.

    Args:
        lines: of the conversation in which the contact came, oldest first.
        contact: that has opened the ticket; the lines are added when it came.
        decision: about it.

    """
    return tuple(
        _command(
            line,
            "add",
            decision.ticket_id,
            AddContact(
                contact=line, classification=decision.classification, reason="an earlier line of the conversation"
            ),
        ).replace(at=contact.received_at)
        for line in lines
    )


def _action(contact: Contact, decision: RoutingDecision) -> Action:
    if decision.disposition == "open":
        return Open(contact=contact, classification=decision.classification, links=decision.links)
    if decision.disposition == "add":
        return AddContact(
            contact=contact,
            classification=decision.classification,
            reason=decision.reason,
            appends=decision.appends,
        )
    return Remind(
        contact=contact,
        classification=decision.classification,
        reason=decision.reason,
        disputed=decision.disputed,
    )


def _back(contact: Contact, decision: RoutingDecision, link: Link) -> Command:
    back = Link(ticket_id=decision.ticket_id, kind=ABOUT_IT, reason=decision.reason)
    return _command(contact, f"link/{link.ticket_id}", link.ticket_id, LinkTo(link=back))


def _command(contact: Contact, name: str, ticket: UUID, action: Action, actor: Actor = ACTOR) -> Command:
    return Command(
        id=command_id(contact.id, name),
        ticket_id=ticket,
        at=contact.received_at,
        actor=actor,
        policy=contact.policy,
        action=action,
    )
