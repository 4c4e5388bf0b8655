"""Waiting stops the clocks that the policy names, for a limited time in each run (R4.11, DECISIONS 11)."""

from collections.abc import Sequence
from datetime import datetime

from schemas.action import Resume, Suspend
from schemas.event import Fired
from schemas.ticket import Reason, SlaTimer
from services.domain.sla import timer as arithmetic
from services.ledger.domain.decision_context import SYSTEM, CommandRejected, DecisionContext, because
from services.ledger.domain.timers import SUSPENSION

REMINDER = "reminder"
END = "resume"
CUSTOMER = "customer"


def suspend(context: DecisionContext, action: Suspend) -> None:
    """Let the ticket wait; a customer who is waited for is reminded, and the wait ends by itself."""
    ticket, rule = context.ticket, context.policy.limits.suspension
    if ticket.suspended is not None:
        raise CommandRejected("suspended", "the ticket waits already; resume it first")
    calendar = context.policy.calendar("elapsed")
    end = calendar.add(calendar.due(context.at, rule.at_most), -ticket.waited)
    if end <= context.at:
        raise CommandRejected(
            "waited_out",
            f"the ticket has waited {rule.at_most} in this run, more is not allowed ({rule.source}): go on with it",
        )
    reminder = calendar.due(context.at, rule.reminder_after)
    points = [(REMINDER, reminder)] if action.waiting_for == CUSTOMER and reminder < end else []
    wait = arithmetic.single(
        SUSPENSION,
        calendar,
        at=context.at,
        run=1 + max((timer.run for timer in ticket.clocks if timer.name == SUSPENSION), default=0),
        ticket_run=ticket.run,
        points=[*points, (END, end)],
        rule="suspension",
        source=rule.source,
    )
    context.record_event(
        "suspended",
        because("suspension", action.waiting_for, "suspension", rule.source),
        {"suspended": action.waiting_for, "acted_in_stage": True},
        changed=[wait],
        details={"reason": action.reason, "waiting_for": action.waiting_for},
    )


def resume(context: DecisionContext, action: Resume) -> None:
    """End the wait on demand."""
    if context.ticket.suspended is None:
        raise CommandRejected("not_suspended", "the ticket does not wait; there is nothing to resume")
    context.record_event(
        "resumed",
        because("suspension", "resume", "suspension", context.policy.limits.suspension.source),
        {"suspended": None},
        details={"reason": action.reason},
    )


def end(context: DecisionContext, rule: Reason, changed: Sequence[SlaTimer], threshold: Fired, at: datetime) -> None:
    """End the wait because its time is over."""
    context.record_event(
        "resumed",
        rule,
        {"suspended": None},
        at=at,
        actor=SYSTEM,
        changed=changed,
        threshold=threshold,
        details={"reason": "the wait is over"},
    )
