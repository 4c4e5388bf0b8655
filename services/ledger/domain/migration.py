"""A ticket of the system before goes on here: in its stage, with its unit, and with the time that it has used."""

from datetime import timedelta

from schemas.action import Claim, CompleteForm, Dispatch, FeedBack, Open
from schemas.contact import TakenOver
from schemas.ticket import Outcome
from services.domain.policy.clocks import INCOMPLETE
from services.ledger.domain import acceptance, handling, resolution
from services.ledger.domain.decision_context import CommandRejected, DecisionContext, because

SOURCE = "ours: a change of systems may cost no customer time"
UNKNOWN = "not stated"
NOTHING = timedelta(0)


def open_(context: DecisionContext, action: Open) -> None:
    """Open a ticket for a contact, or take one over that another system began."""
    previous = action.contact.taken_over
    if previous is None or context.ticket_or_none is not None:
        acceptance.open_(context, action)
        return
    context.taken_over = previous.system or "the system before"
    context.carried = used(previous) if previous.status == "accepted" else NOTHING
    acceptance.open_(context, action)
    context.carried = NOTHING
    try:
        _take_over(context, previous)
    except CommandRejected as refused:
        # The contact is taken; what it says of the system before is for a person to look at.
        text = f"not taken over as {previous.status}: {refused.message}"
        context.record_event("noted", because("note", "taken_over", "taking over", SOURCE), details={"text": text})


def _take_over(context: DecisionContext, previous: TakenOver) -> None:
    """Bring a ticket that was just opened to the stage that it had, with the time it has used there (R4.11).

    A unit that the policy does not know leaves the ticket at its centre, with a note that says so.
    """
    ticket = context.ticket
    if previous.status == "accepted":
        return
    if INCOMPLETE in ticket.flags:
        acceptance.complete_form(context, CompleteForm())
    if previous.status == "answered":
        outcome = Outcome(result=previous.result, explanation=previous.result or UNKNOWN, agreement="agreed")
        resolution.happened(context, outcome, because("answer", "before", "answered in the system before", SOURCE), {})
        return
    unit = previous.unit if previous.unit in context.policy.units else None
    if unit is None or unit == ticket.unit:
        text = f"the unit {previous.unit!r} of the system before is not in the policy: dispatch the ticket by hand"
        if unit is None:
            context.record_event("noted", because("note", "taken_over", "taking over", SOURCE), details={"text": text})
        return
    context.carried = used(previous) if previous.status in {"dispatched", "handling"} else NOTHING
    handling.dispatch(context, Dispatch(unit=unit))
    context.carried = NOTHING
    if previous.status == "handling" and previous.person is not None:
        handling.claim(context, Claim(person=previous.person))
    elif previous.status == "fed_back":
        context.carried = used(previous)
        handling.feed_back(context, FeedBack(result=previous.result or UNKNOWN, cause=UNKNOWN))


def used(previous: TakenOver) -> timedelta:
    """Return the time that the present stage had used."""
    return timedelta(minutes=previous.used_minutes or 0)
