"""What happens to a ticket by itself: every threshold that is due is decided, in order of time, one event each."""

from datetime import datetime, timedelta
from typing import Any

from schemas.event import Fired
from schemas.ticket import Reason, SlaTimer, Status, Threshold, ThresholdState
from services.domain.sla import thresholds as sla
from services.ledger.domain import extension, reclassification, suspension
from services.ledger.domain.decision_context import SYSTEM, DecisionContext


def settle(context: DecisionContext, until: datetime, late_after: timedelta) -> None:
    """Decide every open threshold up to an instant (DESIGN 2). A late or repeated tick changes nothing but lateness.

    Args:
        context: of the ticket.
        until: business time.
        late_after: business time after which a decision counts as late.

    """
    while True:
        ticket = context.ticket_or_none
        at = (ticket.next_action_at or ticket.archive_at) if ticket is not None else None
        if ticket is None or at is None or at >= until:
            return
        due = [
            (threshold.at, position, number, clock, threshold)
            for position, clock in enumerate(ticket.clocks)
            for number, threshold in enumerate(sla.due_thresholds(clock))
            if threshold.at < until
        ]
        _, _, _, clock, threshold = min(due, key=lambda each: each[:3])
        # Tickets are archived day by day; only what a monitor watches can be late.
        watched = clock.name not in context.policy.limits.archives
        _decide(context, clock, threshold, late=watched and context.now - threshold.at > late_after)


def _decide(context: DecisionContext, clock: SlaTimer, threshold: Threshold, *, late: bool) -> None:
    ticket = context.ticket
    name = threshold.name
    rule = Reason(subject=name, value=clock.name, rule=clock.rule, source=clock.source)
    common: dict[str, Any] = {"at": threshold.at, "actor": SYSTEM}

    def key(outcome: str, reason: str | None = None) -> Fired:
        return Fired(
            clock=clock.name,
            unit=clock.unit,
            run=clock.run,
            limit=clock.limit,
            threshold=name,
            due_at=threshold.at,
            outcome=outcome,
            reason=reason,
            late=late,
        )

    def changed(state: ThresholdState, reason: str | None = None) -> list[SlaTimer]:
        return [sla.decided(clock, name, state, max(threshold.at, ticket.updated_at), reason)]

    details = {
        "notifies": list(threshold.notifies),
        "unit": clock.unit or ticket.unit,
        "clock": clock.name,
        "due_at": clock.due_at,
    }
    if name.startswith("warning"):
        if threshold.unless_acted and ticket.acted_in_stage:
            context.record_event(
                "warning_settled",
                rule,
                changed=changed(ThresholdState.SETTLED, "acted"),
                threshold=key("settled", "acted"),
                **common,
            )
            return
        context.record_event(
            "warned",
            rule,
            {"warnings": ticket.warnings + 1},
            changed=changed(ThresholdState.FIRED),
            threshold=key("fired"),
            details=details,
            **common,
        )
    elif name == sla.BREACH:
        _end(context, clock, rule, changed(ThresholdState.FIRED), key("fired"), details)
    elif name.startswith("escalation"):
        context.record_event(
            "escalated",
            rule,
            changed=changed(ThresholdState.FIRED),
            threshold=key("fired"),
            details=details | {"level": int(name.rpartition("_")[2]), "reason": "limit exceeded further"},
            **common,
        )
    elif name == extension.LAPSE:
        extension.lapse(context, rule, changed(ThresholdState.FIRED), key("fired"), threshold.at)
    elif name == suspension.REMINDER:
        context.record_event(
            "reminded_customer",
            rule,
            changed=changed(ThresholdState.FIRED),
            threshold=key("fired"),
            details=details,
            **common,
        )
    else:
        suspension.end(context, rule, changed(ThresholdState.FIRED), key("fired"), threshold.at)


def _end(
    context: DecisionContext,
    clock: SlaTimer,
    rule: Reason,
    changed: list[SlaTimer],
    threshold: Fired,
    details: dict[str, Any],
) -> None:
    """The limit has run out: the policy says what that does."""
    ticket, policy = context.ticket, context.policy.limits.by_name.get(clock.name)
    common: dict[str, Any] = {"at": threshold.due_at, "actor": SYSTEM, "changed": changed, "threshold": threshold}
    if policy is not None and policy.breach.does == "archive":
        context.record_event("archived", rule, {"status": Status.ARCHIVED}, **common)
        return
    if policy is not None and policy.breach.does == "note":
        context.record_event("date_reached", rule, details=details, **common)
        return
    context.record_event(
        "breached",
        rule,
        {"breaches": ticket.breaches + 1, "supervisions": ticket.supervisions + 1},
        # The supervision order is part of the breach, so neither can be there without the other (R4.9).
        details=details | {"supervision_order": True, "level": 0},
        **common,
    )
    if policy is not None and policy.breach.regrade is not None:
        reclassification.regrade(context, policy.breach.regrade, rule, threshold.due_at)
