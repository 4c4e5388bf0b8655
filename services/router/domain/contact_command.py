"""The command that a routed contact becomes: open a ticket, remind of one, or reply to a survey. Pure."""

from schemas.action import Open, Remind
from schemas.command import Actor, Command
from schemas.contact import Contact
from schemas.customer_actions import AnswerSurvey, EndCallback
from services.domain.ids import command_id
from services.router.domain.route import RoutingDecision

ACTOR = Actor(kind="service", name="router")


def command_for(contact: Contact, decision: RoutingDecision) -> Command:
    """Return the command of a routed contact to its ticket."""
    action: Open | Remind | AnswerSurvey | EndCallback
    actor = ACTOR
    if decision.reply is not None:
        survey = decision.reply.survey
        action = AnswerSurvey(survey=survey) if survey is not None else EndCallback(reason="opted_out")
        actor = Actor(kind="customer", name="customer", proof="own_channel")
    elif decision.disposition == "open":
        action = Open(contact=contact, classification=decision.classification, links=decision.links)
    else:
        action = Remind(
            contact=contact,
            classification=decision.classification,
            reason=decision.reason,
            disputed=decision.disputed,
        )
    return Command(
        id=command_id(contact.id, decision.disposition),
        ticket_id=decision.ticket_id,
        at=contact.received_at,
        actor=actor,
        policy=contact.policy,
        action=action,
    )
