"""A ticket of the system before goes on here: in its stage, with its unit, and with the time that it has used."""

from datetime import timedelta

from schemas.action import Claim, CompleteForm, Dispatch, FeedBack, Open
from schemas.contact import TakenOver
from schemas.ticket import Outcome
from services.ledger.domain import acceptance, handling, resolution
from services.ledger.domain.decision_context import DecisionContext, because

SOURCE = "ours: a change of systems may cost no customer time"
UNKNOWN = "not told"
NOTHING = timedelta(0)


def open_(story: DecisionContext, action: Open) -> None:
    """Open a ticket for a contact, or take one over that another system began."""
    told = action.contact.taken_over
    if told is None or story.ticket_or_none is not None:
        acceptance.open_(story, action)
        return
    story.taken_over = told.system or "the system before"
    story.carried = used(told) if told.status == "accepted" else NOTHING
    acceptance.open_(story, action)
    story.carried = NOTHING
    _take_over(story, told)


def _take_over(story: DecisionContext, told: TakenOver) -> None:
    """Bring a ticket that was just opened to the stage that it had, with the time it has used there (R4.11).

    A unit that the policy does not know leaves the ticket at its centre, with a note that says so.
    """
    ticket = story.ticket
    if told.status == "accepted":
        return
    if acceptance.INCOMPLETE in ticket.flags:
        acceptance.complete_form(story, CompleteForm())
    if told.status == "answered":
        outcome = Outcome(result=told.result, explanation=told.result or UNKNOWN, agreement="agreed")
        resolution.happened(story, outcome, because("answer", "before", "answered in the system before", SOURCE), {})
        return
    unit = told.unit if told.unit in story.policy.units else None
    if unit is None or unit == ticket.unit:
        text = f"the unit {told.unit!r} of the system before is not in the policy: dispatch the ticket by hand"
        if unit is None:
            story.happen("noted", because("note", "taken_over", "taking over", SOURCE), details={"text": text})
        return
    story.carried = used(told) if told.status in {"dispatched", "handling"} else NOTHING
    handling.dispatch(story, Dispatch(unit=unit))
    story.carried = NOTHING
    if told.status == "handling" and told.person is not None:
        handling.claim(story, Claim(person=told.person))
    elif told.status == "fed_back":
        story.carried = used(told)
        handling.feed_back(story, FeedBack(result=told.result or UNKNOWN, cause=UNKNOWN))


def used(told: TakenOver) -> timedelta:
    """Return the time that the present stage had used."""
    return timedelta(minutes=told.used_minutes or 0)
