"""What a case is: reclassified, regraded by time, judged (R2.9, R3.6, R3.11, R3.12, DECISIONS 6)."""

from datetime import datetime, timedelta
from typing import Any

from schemas.action import Assess, JoinHotIssue, Reclassify
from schemas.ticket import Classification, Reason, Ticket
from services.domain.ids import IssueKey, hot_issue_id
from services.domain.policy.vocabulary import LIABILITIES
from services.ledger.domain import names
from services.ledger.domain.decision_context import SYSTEM, CommandRejected, DecisionContext, because

ASSESSED_OPENINGS = frozenset({"opened", "not_opened"})
BREADTH = "breadth"
HOT_ISSUE_WINDOW = timedelta(hours=1)
"""How long before its opening the tickets of a hot issue begin to count (DECISIONS 16)."""
HOT_ISSUE_TICKETS = 10
"""Tickets of one kind that the ledger must have for a hot issue (DECISIONS 16)."""


def reclassify(context: DecisionContext, action: Reclassify) -> None:
    """Change kind, type, tier, priority or department; limits change with them, their start does not (DECISIONS 6)."""
    classification = action.classification
    names.check_classification(context, classification)
    context.record_event(
        "reclassified",
        because("classification", classification.tier, "reclassified by hand", "R2.7"),
        {"classification": classification, **of_centre(context, classification)},
        details={"reason": action.reason},
    )


def of_centre(context: DecisionContext, classification: Classification) -> dict[str, Any]:
    """Return what follows where another centre is in charge: it takes the old one's place in the chain of dispatch."""
    ticket = context.ticket
    centre = classification.path[0] if classification.path else ticket.centre
    if centre == ticket.centre:
        return {}
    return {
        "centre": centre,
        "unit": centre if ticket.unit == ticket.centre else ticket.unit,
        "dispatched_by": tuple(centre if code == ticket.centre else code for code in ticket.dispatched_by),
    }


def regrade(context: DecisionContext, tier: str, rule: Reason, at: datetime) -> None:
    """Raise the tier because a limit was exceeded (R4.7)."""
    before = context.ticket.classification
    if before.tier == tier:
        return
    reason = Reason(subject="tier", value=tier, rule=rule.rule, source=rule.source)
    classification = before.replace(
        tier=tier, reasons=(*(each for each in before.reasons if each.subject != "tier"), reason)
    )
    context.record_event(
        "reclassified",
        reason,
        {"classification": classification},
        at=at,
        actor=SYSTEM,
        details={"reason": f"{rule.rule} was exceeded", "from": before.tier},
    )


def join_hot_issue(context: DecisionContext, action: JoinHotIssue) -> None:
    """Tie the ticket to a hot issue; that it is broad counts in its priority from now on (R3.7)."""
    ticket, before = context.ticket, context.ticket.classification
    if ticket.hot_issue == action.issue:
        raise CommandRejected("linked", "the ticket is part of this hot issue already")
    if action.opened_at is not None:
        _check_issue(context, action, action.opened_at)
    signals = before.signals if BREADTH in before.signals else (*before.signals, BREADTH)
    rule = next(each for each in context.policy.routing.priorities if set(each.all) <= set(signals))
    # Being one of many never makes a ticket less urgent than it was.
    classification = before.replace(signals=signals, priority=min(rule.priority, before.priority))
    if classification.priority < before.priority:
        reason = Reason(subject="priority", value=str(classification.priority), rule=rule.name, source=rule.source)
        classification = classification.replace(
            reasons=(*(each for each in before.reasons if each.subject != "priority"), reason)
        )
    context.record_event(
        "joined_hot_issue",
        because("hot_issue", "joined", "many complaints of one kind", "ours: R3.7, DECISIONS 16"),
        {"hot_issue": action.issue, "classification": classification},
        details={"issue": str(action.issue), "tickets": action.tickets, "priority": classification.priority},
    )


def _check_issue(context: DecisionContext, action: JoinHotIssue, opened_at: datetime) -> None:
    """Refuse an issue of other types or another region than the ticket's, and one that the ledger's count denies."""
    key = issue_key(context.ticket)
    if key is None or hot_issue_id(key, opened_at) != action.issue:
        of = f"{key.business_type}/{key.problem_type} in {key.region}" if key else "of no known type or region"
        raise CommandRejected("another_kind", f"the ticket is {of}: the hot issue is of another kind", ("issue",))
    if context.similar is not None and context.similar < HOT_ISSUE_TICKETS:
        raise CommandRejected(
            "not_confirmed",
            f"the ledger has {context.similar} tickets of this kind since the issue began, "
            f"and a hot issue needs {HOT_ISSUE_TICKETS} (DECISIONS 16)",
            ("issue",),
        )


def issue_key(ticket: Ticket) -> IssueKey | None:
    """Return of which kind of complaint a ticket is; None where business type, problem type or region is not known."""
    types, customer = ticket.classification, ticket.customer
    region = customer.city or customer.visiting_region or customer.home_region
    if types.business_type is None or types.problem_type is None or region is None:
        return None
    return IssueKey(ticket.policy.pack, types.business_type, types.problem_type, region)


def assess(context: DecisionContext, action: Assess) -> None:
    """Keep a judgement with its reason; a case that is not founded or not opened is explained, not dispatched."""
    before, pack = context.ticket.classification, context.policy
    if (action.validity, action.opening, action.founded, action.liability) == (None, None, None, None):
        raise CommandRejected("missing", "say what is judged: validity, opening, founded or liability", ("validity",))
    names.check_code("validity", action.validity, pack.routing.validities)
    names.check_code("opening", action.opening, ASSESSED_OPENINGS)
    names.check_code("liability", action.liability, LIABILITIES)
    judged = {
        "validity": action.validity,
        "opening": action.opening,
        "founded": action.founded,
        "liability": action.liability,
    }
    given = {name: value for name, value in judged.items() if value is not None}
    context.record_event(
        "assessed",
        because("assessment", ", ".join(f"{name} {value}" for name, value in given.items()), "judged by hand", "R3.12"),
        {"classification": before.replace(**given), "acted_in_stage": True},
        details={"reason": action.reason, **given},
    )
