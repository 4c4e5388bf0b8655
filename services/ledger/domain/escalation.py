"""Escalation to the next level and supervision orders on demand (R4.9)."""

from schemas.action import Escalate, Supervise
from services.ledger.domain.decision_context import DecisionContext, because


def escalate(context: DecisionContext, action: Escalate) -> None:
    """Tell the next level."""
    context.record_event(
        "escalated",
        because("escalation", "on demand", "escalation", "ours: R2.7"),
        details={"reason": action.reason, "unit": context.ticket.unit, "notifies": ["next_level"]},
    )


def supervise(context: DecisionContext, action: Supervise) -> None:
    """A supervision order for a key, hard or wrongly handled case (督办)."""
    context.record_event(
        "supervised",
        because("supervision", "on demand", "supervision order", "R4.9"),
        {"supervisions": context.ticket.supervisions + 1},
        details={"reason": action.reason, "unit": context.ticket.unit, "notifies": ["unit", "next_level"]},
    )
