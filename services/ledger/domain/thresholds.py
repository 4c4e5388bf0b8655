"""What happens to a ticket by itself: every threshold that is due is decided, in order of time, one event each."""

from datetime import datetime, timedelta
from typing import Any

from schemas.event import Fired
from schemas.ticket import Reason, SlaTimer, Status, Threshold, ThresholdState
from services.domain.sla import timer as clocks
from services.ledger.domain import classification, extension, suspension
from services.ledger.domain.decision_context import SYSTEM, DecisionContext


def settle(story: DecisionContext, until: datetime, late_after: timedelta) -> None:
    """Decide every open threshold up to an instant (DESIGN 2). A late or repeated tick changes nothing but lateness.

    Args:
        story: of the ticket.
        until: business time.
        late_after: business time after which a decision counts as late.

    """
    while True:
        ticket = story.ticket_or_none
        if ticket is None or ticket.next_action_at is None or ticket.next_action_at > until:
            return
        due = [
            (threshold.at, position, number, clock, threshold)
            for position, clock in enumerate(ticket.clocks)
            for number, threshold in enumerate(clocks.due_thresholds(clock))
            if threshold.at <= until
        ]
        _, _, _, clock, threshold = min(due, key=lambda each: each[:3])
        _decide(story, clock, threshold, late=story.now - threshold.at > late_after)


def _decide(story: DecisionContext, clock: SlaTimer, threshold: Threshold, *, late: bool) -> None:
    ticket = story.ticket
    name = threshold.name
    rule = Reason(subject=name, value=clock.name, rule=clock.rule, source=clock.source)
    common: dict[str, Any] = {"at": threshold.at, "actor": SYSTEM}

    def key(outcome: str, reason: str | None = None) -> Fired:
        return Fired(
            clock=clock.name,
            run=clock.run,
            limit=clock.limit,
            threshold=name,
            due_at=threshold.at,
            outcome=outcome,
            reason=reason,
            late=late,
        )

    def changed(state: ThresholdState, reason: str | None = None) -> list[SlaTimer]:
        return [clocks.decided(clock, name, state, max(threshold.at, ticket.updated_at), reason)]

    told = {"notifies": list(threshold.notifies), "unit": ticket.unit, "clock": clock.name, "due_at": clock.due_at}
    if name.startswith("warning"):
        if threshold.unless_acted and ticket.acted_in_stage:
            story.happen(
                "warning_settled",
                rule,
                changed=changed(ThresholdState.SETTLED, "acted"),
                threshold=key("settled", "acted"),
                **common,
            )
            return
        story.happen(
            "warned",
            rule,
            {"warnings": ticket.warnings + 1},
            changed=changed(ThresholdState.FIRED),
            threshold=key("fired"),
            details=told,
            **common,
        )
    elif name == clocks.BREACH:
        _end(story, clock, rule, changed(ThresholdState.FIRED), key("fired"), told)
    elif name.startswith("escalation"):
        story.happen(
            "escalated",
            rule,
            changed=changed(ThresholdState.FIRED),
            threshold=key("fired"),
            details=told | {"level": int(name.rpartition("_")[2]), "reason": "limit exceeded further"},
            **common,
        )
    elif name == extension.LAPSE:
        extension.lapse(story, rule, changed(ThresholdState.FIRED), key("fired"), threshold.at)
    elif name == suspension.REMINDER:
        story.happen(
            "reminded_customer",
            rule,
            changed=changed(ThresholdState.FIRED),
            threshold=key("fired"),
            details=told,
            **common,
        )
    else:
        suspension.end(story, rule, changed(ThresholdState.FIRED), key("fired"), threshold.at)


def _end(
    story: DecisionContext,
    clock: SlaTimer,
    rule: Reason,
    changed: list[SlaTimer],
    threshold: Fired,
    told: dict[str, Any],
) -> None:
    """The limit has run out: the policy says what that does."""
    ticket, policy = story.ticket, story.policy.limits.by_name.get(clock.name)
    common: dict[str, Any] = {"at": threshold.due_at, "actor": SYSTEM, "changed": changed, "threshold": threshold}
    if policy is not None and policy.breach.does == "archive":
        story.happen("archived", rule, {"status": Status.ARCHIVED}, **common)
        return
    story.happen(
        "breached",
        rule,
        {"breaches": ticket.breaches + 1, "supervisions": ticket.supervisions + 1},
        # The supervision order is part of the breach, so neither can be there without the other (R4.9).
        details=told | {"supervision_order": True, "level": 0},
        **common,
    )
    if policy is not None and policy.breach.regrade is not None:
        classification.regrade(story, policy.breach.regrade, rule, threshold.due_at)
