"""The work itself: dispatched, claimed, sent back, transferred, fed back (R3.5, R3.9)."""

from typing import Any

from schemas.action import Claim, Dispatch, FeedBack, ReleaseAssistance, RequestAssistance, SendBack, Transfer
from schemas.case_record import Entry
from schemas.ticket import AssistanceRequest, Outcome, Status, Ticket
from services.domain.policy.outcome import ASSISTANCE
from services.ledger.domain import names
from services.ledger.domain.decision_context import CommandRejected, DecisionContext, because

PATH = "R3.5"
LONGEST_CHAIN = 4
"""Units that may send a ticket on before one of them gets it back (DECISIONS 38)."""
MOST_ASSISTING = 8
"""Units that may assist at once (DECISIONS 38)."""


def dispatch(context: DecisionContext, action: Dispatch) -> None:
    """Send the ticket on; feedback will come back to whoever dispatches."""
    ticket, unit = context.ticket, context.unit(action.unit)
    if unit.code == ticket.unit:
        raise CommandRejected("same_unit", f"the ticket is with {unit.code} already; dispatch it to another unit")
    if len(ticket.dispatched_by) >= LONGEST_CHAIN:
        raise CommandRejected(
            "chain_too_long",
            f"{' > '.join(ticket.dispatched_by)} sent it on already: feed back, or send it back, before it is sent on",
        )
    if ticket.classification.founded is False or ticket.classification.opening == "not_opened":
        raise CommandRejected(
            "not_founded",
            "there is nothing to handle, it was found: explain that to the customer, or assess the case anew (R3.12)",
        )
    assert ticket.unit is not None
    classification = ticket.classification
    rule = next(
        (
            each
            for each in classification.reasons
            if each.subject == "department" and classification.department == unit.code
        ),
        None,
    )
    context.record_event(
        "dispatched",
        rule or because("department", unit.code, "dispatched by hand", PATH),
        {
            "status": Status.DISPATCHED,
            "unit": unit.code,
            "person": unit.person,
            "dispatched_by": (*ticket.dispatched_by, ticket.unit),
            "acted_in_stage": False,
        },
        details={"unit": unit.code, "from": ticket.unit, "note": action.note},
    )


def claim(context: DecisionContext, action: Claim) -> None:
    """Somebody takes the ticket."""
    names.check_person(context, action.person)
    context.record_event(
        "claimed",
        because("person", action.person, "first-contact ownership", "R2.7"),
        {"status": Status.HANDLING, "person": action.person, "claimed_at": context.at, "acted_in_stage": True},
        details={"person": action.person},
    )


def send_back(context: DecisionContext, action: SendBack) -> None:
    """The unit is not in charge; whoever dispatched decides anew."""
    ticket = context.ticket
    if not ticket.dispatched_by:
        raise CommandRejected("nobody", "nobody dispatched this ticket; dispatch it to the unit in charge instead")
    back = ticket.dispatched_by[-1]
    context.record_event(
        "sent_back",
        because("department", back, "not in charge", PATH),
        {
            "status": Status.ACCEPTED if len(ticket.dispatched_by) == 1 else Status.HANDLING,
            "unit": back,
            "person": None,
            "dispatched_by": ticket.dispatched_by[:-1],
            "acted_in_stage": False,
        },
        details={"reason": action.reason, "from": ticket.unit},
    )


def transfer(context: DecisionContext, action: Transfer) -> None:
    """Hand over to another unit; the stage's clock goes on (R4.11)."""
    ticket, unit = context.ticket, context.unit(action.unit)
    if unit.code == ticket.unit:
        raise CommandRejected("same_unit", f"the ticket is with {unit.code} already; transfer it to another unit")
    context.record_event(
        "transferred",
        because("department", unit.code, "transferred by hand", PATH),
        {"unit": unit.code, "person": unit.person, "status": Status.DISPATCHED, "acted_in_stage": True},
        details={"reason": action.reason, "from": ticket.unit},
    )


def request_assistance(context: DecisionContext, action: RequestAssistance) -> None:
    """Ask another unit to help; the holder stays responsible."""
    ticket, unit = context.ticket, context.unit(action.unit)
    if unit.code == ticket.unit:
        raise CommandRejected("same_unit", f"the ticket is with {unit.code} itself; ask another unit to assist it")
    if unit.code in ticket.assisting:
        raise CommandRejected("assisting", f"{unit.code} assists already")
    if len(ticket.assisting) >= MOST_ASSISTING:
        raise CommandRejected(
            "too_many",
            f"{', '.join(ticket.assisting)} assist already: wait for their feedback, or release one of them",
        )
    asked_by = context.command.actor.unit or ticket.unit
    request = AssistanceRequest(unit=unit.code, at=max(context.at, ticket.updated_at), by=asked_by)
    context.record_event(
        "assistance_requested",
        because("assisting", unit.code, "assisting department", PATH),
        {
            "assisting": (*ticket.assisting, unit.code),
            "assistance_requests": (*ticket.assistance_requests, request),
            "acted_in_stage": True,
        },
        details={"unit": unit.code, "demand": action.demand},
    )


def release_assistance(context: DecisionContext, action: ReleaseAssistance) -> None:
    """Do without the help of an assisting unit; whoever asked for it may do this too."""
    ticket = context.ticket
    if action.unit not in ticket.assisting:
        raise CommandRejected(
            "not_assisting", f"{action.unit} does not assist; {', '.join(ticket.assisting) or 'nobody'} does", ("unit",)
        )
    context.record_event(
        "assistance_released",
        because("assisting", action.unit, "released", PATH),
        {**_without(ticket, action.unit), "acted_in_stage": True},
        details={"unit": action.unit, "reason": action.reason},
    )


def _assisted(context: DecisionContext, action: FeedBack, unit: str) -> None:
    """Put an assisting unit's feedback on record; whoever asked for it is notified, and so is the holder."""
    ticket, request = context.ticket, _request(context.ticket, unit)
    actor = context.command.actor
    names.check_owner(context, action.owner)
    readers = (request.by if request is not None else None, ticket.unit)
    known = context.policy.units
    entry = Entry(kind=ASSISTANCE, at=context.at, by=actor.name, unit=unit, text=action.result)
    context.record_event(
        "assistance_fed_back",
        because("assisting", unit, "feedback of an assisting department", PATH),
        {**_without(ticket, unit), "entries": (*ticket.entries, entry)},
        details={
            "unit": unit,
            "result": action.result,
            "cause": action.cause,
            "owner": action.owner,
            "notifies": list(dict.fromkeys(code for code in readers if code in known and code != unit)),
        },
    )


def _request(ticket: Ticket, unit: str) -> AssistanceRequest | None:
    return next((request for request in ticket.assistance_requests if request.unit == unit), None)


def _without(ticket: Ticket, unit: str) -> dict[str, Any]:
    """Return the assisting units and the requests to them without one that does not assist any more."""
    requests = tuple(request for request in ticket.assistance_requests if request.unit != unit)
    return {
        "assisting": tuple(code for code in ticket.assisting if code != unit),
        "assistance_requests": requests,
    }


def feed_back(context: DecisionContext, action: FeedBack) -> None:
    """Say what was found and done; it goes back to whoever dispatched (R3.9), or to whoever asked for assistance."""
    ticket, actor = context.ticket, context.command.actor
    if actor.unit is not None and actor.unit in ticket.assisting:
        _assisted(context, action, actor.unit)
        return
    if not ticket.dispatched_by:
        raise CommandRejected("nobody", "nobody dispatched this ticket; answer the customer instead")
    names.check_owner(context, action.owner)
    back = ticket.dispatched_by[-1]
    to_centre = back == ticket.centre
    outcome = Outcome(
        result=action.result,
        cause=action.cause,
        owner=action.owner or ticket.unit,
        explanation=ticket.outcome.explanation,
        agreement=ticket.outcome.agreement,
    )
    context.record_event(
        "fed_back" if to_centre else "handed_up",
        because("department", back, "feedback returns to whoever dispatched", "R3.9"),
        {
            "status": Status.FED_BACK if to_centre else Status.HANDLING,
            "unit": back,
            "person": None,
            "handled_by": ticket.unit,
            # Once the centre has the result, it tells the customer, whoever sent the ticket back to it on the way.
            "dispatched_by": () if to_centre else ticket.dispatched_by[:-1],
            "outcome": outcome,
            "acted_in_stage": not to_centre,
        },
        details={"result": action.result, "cause": action.cause, "owner": outcome.owner, "from": ticket.unit},
    )
