"""Telling the customer: progress, the final answer, reopening, closing, withdrawing (R5.1, R5.2, R5.8)."""

from collections.abc import Mapping
from typing import Any

from schemas.action import Answer, Close, Reject, Reopen, ReplyProgress, Withdraw
from schemas.ticket import Outcome, Reason, Status
from services.domain.policy.outcome import CALLBACK, OUTCOME_PARTS
from services.ledger.domain import names
from services.ledger.domain.decision_context import SYSTEM, CommandRejected, DecisionContext, because

ANEW: Mapping[str, Any] = {
    "outcome": Outcome(),
    "survey": None,
    "callbacks": 0,
    "callback_ended": None,
    "screened": None,
    "calling": None,
    "calling_since": None,
}
"""What a new run begins with: its answer is given, asked about and screened like the first (DECISIONS 27)."""


def reply_progress(context: DecisionContext, action: ReplyProgress) -> None:
    """Tell the customer where things stand (R4.10)."""
    context.record_event(
        "progress_replied",
        because("reply", "progress", "progress reply", "R4.10"),
        {"progress_replied_at": context.at, "acted_in_stage": True},
        details={"text": action.text},
    )


def answer(context: DecisionContext, action: Answer) -> None:
    """Give the customer the final outcome."""
    names.check_owner(context, action.owner)
    known = context.ticket.outcome
    outcome = Outcome(
        result=action.result or known.result,
        explanation=action.explanation,
        cause=action.cause or known.cause,
        owner=action.owner or known.owner,
        agreement=action.agreement,
    )
    rule = because("answer", action.agreement, "answer", "R5.8")
    happened(context, outcome, rule, {"explanation": action.explanation})


def happened(context: DecisionContext, outcome: Outcome, rule: Reason, details: Mapping[str, Any]) -> None:
    """Record the answer; a ticket that has all that closing needs is closed with it when settled on the spot."""
    ticket = context.ticket
    context.record_event(
        "answered",
        rule,
        {
            "status": Status.ANSWERED,
            "unit": ticket.centre,
            "person": None,
            "dispatched_by": (),
            "outcome": outcome,
            "acted_in_stage": False,
        },
        details={"agreement": outcome.agreement, **details, "result": outcome.result, "from": ticket.unit},
    )
    if ticket.settlement is not None and not _missing(context, outcome):
        _closed(context, outcome, None)


def close(context: DecisionContext, action: Close) -> None:
    """Clear the ticket, if it has what the policy demands (R5.2)."""
    ticket = context.ticket
    names.check_owner(context, action.owner)
    outcome = ticket.outcome.replace(
        cause=action.cause or ticket.outcome.cause, owner=action.owner or ticket.outcome.owner
    )
    missing = _missing(context, outcome)
    if missing:
        raise CommandRejected(
            "missing",
            f"the ticket cannot be closed without {', '.join(missing)} ({context.policy.outcome.closing.source})",
            missing,
        )
    _closed(context, outcome, action.note)


def _closed(context: DecisionContext, outcome: Outcome, note: str | None) -> None:
    context.record_event(
        "closed",
        because("closing", outcome.agreement or "", "closing", context.policy.outcome.closing.source),
        {"status": Status.CLOSED, "outcome": outcome, "closed_at": context.at},
        details={"note": note, "agreement": outcome.agreement},
    )


def _missing(context: DecisionContext, outcome: Outcome) -> list[str]:
    rule = context.policy.outcome.closing
    ticket = context.ticket
    facts = context.policy.facts_of(ticket)
    needs = dict.fromkeys((*rule.needs, *(name for each in rule.also if each.when.holds(facts) for name in each.needs)))
    missing = [name for name in needs if not _is_there(context, outcome, name)]
    if outcome.agreement == "refused" and not rule.refused_is_enough:
        missing.append("agreement")
    return missing


def _is_there(context: DecisionContext, outcome: Outcome, name: str) -> bool:
    ticket = context.ticket
    if name in OUTCOME_PARTS:
        return getattr(outcome, name) is not None
    if name == CALLBACK:
        # Who is never called back would otherwise be a case that can never be closed (R5.3).
        never = ticket.classification.validity in context.policy.outcome.callback.never_for
        return never or ticket.survey is not None or ticket.callback_ended is not None
    since = ticket.reopened_at or ticket.accepted_at
    made = ticket.entry_marks.get(name)
    return made is not None and made >= since


def reject(context: DecisionContext, action: Reject) -> None:
    """The customer rejects the outcome: investigated again, or the next level of the ladder takes over (R3.6, R4.5)."""
    ticket, rule = context.ticket, context.policy.outcome.rejection
    if rule.then == "state_position":
        raise CommandRejected(
            "not_foreseen",
            f"tell the customer the position frankly: close it with that noted, or reopen it ({rule.source})",
        )
    level = ticket.level + 1
    candidates = (ticket.handled_by, ticket.classification.department)
    back = next((code for code in candidates if code is not None and code in context.policy.units), ticket.centre)
    if rule.then == "next_level":
        if level > len(rule.levels):
            raise CommandRejected(
                "highest", f"{back} is the highest level already: settle with the customer ({rule.source})"
            )
        back = rule.levels[level - 1]
    context.record_event(
        "rejected",
        because("rejection", rule.then, "rejected outcome", rule.source),
        {
            **ANEW,
            "status": Status.ACCEPTED,
            "unit": ticket.centre,
            "level": level,
            "run": ticket.run + 1,
            "reopened_at": context.at,
        },
        details={"reason": action.reason, "level": level},
        passing=True,
    )
    context.record_event(
        "dispatched",
        because("department", back, "rejected outcome", rule.source),
        {
            "status": Status.DISPATCHED,
            "unit": back,
            "person": context.unit(back).person,
            "dispatched_by": (ticket.centre,),
            "acted_in_stage": False,
        },
        actor=SYSTEM,
        details={"unit": back, "from": ticket.centre, "note": action.reason},
    )


def reopen(context: DecisionContext, action: Reopen) -> None:
    """Begin again on demand."""
    rule = because("reopening", "by hand", "reopening", "ours: DECISIONS 27")
    reopened(context, rule, action.reason)


def reopened(context: DecisionContext, rule: Reason, reason: str) -> None:
    """Begin again with a new run of the clocks; goes straight back to who handled it (DECISIONS 27 and 28)."""
    ticket, centre = context.ticket, context.ticket.centre
    back = ticket.handled_by if ticket.handled_by in context.policy.units else None
    context.record_event(
        "reopened",
        rule,
        {
            **ANEW,
            "status": Status.ACCEPTED,
            "run": ticket.run + 1,
            "reopened": ticket.reopened + 1,
            "reopened_at": context.at,
            "closed_at": None,
            "unit": centre,
            "person": None,
            "dispatched_by": (),
            "acted_in_stage": False,
        },
        details={"reason": reason},
        passing=back is not None,
    )
    if back is not None:
        context.record_event(
            "dispatched",
            because("department", back, "back to the unit that handled it", "ours: DECISIONS 28"),
            {
                "status": Status.DISPATCHED,
                "unit": back,
                "person": context.policy.units[back].person,
                "dispatched_by": (centre,),
            },
            actor=SYSTEM,
            details={"unit": back, "from": centre, "note": reason},
        )


def withdraw(context: DecisionContext, action: Withdraw) -> None:
    """The customer takes the complaint back; never called back."""
    context.record_event(
        "withdrawn",
        because("withdrawal", "customer", "withdrawal", "ours: R2.7"),
        {"status": Status.WITHDRAWN, "closed_at": context.at},
        details={"reason": action.reason},
    )
