"""Waiting for the customer stops the clocks that the policy names, for a limited time (R4.11, DECISIONS 11)."""

from collections.abc import Sequence
from datetime import datetime

from schemas.action import Resume, Suspend
from schemas.event import Fired
from schemas.ticket import Reason, SlaTimer, Status
from services.domain.sla import timer as clocks
from services.ledger.domain.decision_context import SYSTEM, CommandRejected, DecisionContext, because

NAME = "suspension"
REMINDER = "reminder"
END = "resume"


def suspend(story: DecisionContext, action: Suspend) -> None:
    """Let the ticket wait; reminds the customer, then goes on by itself."""
    ticket, rule = story.ticket, story.policy.limits.suspension
    if ticket.suspended is not None:
        raise CommandRejected("suspended", "the ticket waits already; resume it first")
    calendar = story.policy.calendar("elapsed")
    pausing = {each.name for each in story.policy.limits.clocks if action.waiting_for in each.pauses_for}
    paused = [
        clocks.pause(each, story.at, story.policy.calendar(each.calendar))
        for each in ticket.clocks
        if each.running and each.name in pausing
    ]
    wait = clocks.single(
        NAME,
        calendar,
        at=story.at,
        run=1 + max((each.run for each in ticket.clocks if each.name == NAME), default=0),
        points=[
            (REMINDER, calendar.due(story.at, rule.reminder_after)),
            (END, calendar.due(story.at, rule.at_most)),
        ],
        rule="suspension",
        source=rule.source,
    )
    story.happen(
        "suspended",
        because("suspension", action.waiting_for, "suspension", rule.source),
        {"suspended": action.waiting_for, "acted_in_stage": True},
        changed=[*paused, wait],
        details={"reason": action.reason, "waiting_for": action.waiting_for},
    )


def resume(story: DecisionContext, action: Resume) -> None:
    """End the wait on demand."""
    if story.ticket.suspended is None:
        raise CommandRejected("not_suspended", "the ticket does not wait; there is nothing to resume")
    rule = because("suspension", "resume", "suspension", story.policy.limits.suspension.source)
    _go_on(story, rule, story.at, details={"reason": action.reason})


def end(story: DecisionContext, rule: Reason, changed: Sequence[SlaTimer], threshold: Fired, at: datetime) -> None:
    """End the wait because its time is over."""
    _go_on(story, rule, at, changed=changed, threshold=threshold, details={"reason": "the wait is over"})


def cancel(story: DecisionContext) -> list[SlaTimer]:
    """Return the clocks as they go on when the ticket's story goes on without a resume, such as by an answer."""
    ticket = story.ticket
    if ticket.suspended is None:
        return []
    return _resumed(story, story.at, ticket.clocks, by="resumed")


def _resumed(story: DecisionContext, at: datetime, present: Sequence[SlaTimer], *, by: str) -> list[SlaTimer]:
    when = max(at, story.ticket.updated_at)
    return [
        clocks.stop(each, when, by=by, reason="resumed", calendar=story.policy.calendar(each.calendar))
        if each.name == NAME
        else clocks.resume(each, when, story.policy.calendar(each.calendar))
        for each in present
        if each.stopped_at is None and (each.name == NAME or each.paused_at is not None)
    ]


def _go_on(
    story: DecisionContext,
    rule: Reason,
    at: datetime,
    *,
    changed: Sequence[SlaTimer] = (),
    threshold: Fired | None = None,
    details: dict[str, str | None],
) -> None:
    mine = {each.key: each for each in story.ticket.clocks} | {each.key: each for each in changed}
    moved = _resumed(story, at, tuple(mine.values()), by="resumed")
    story.happen(
        "resumed",
        rule,
        {"suspended": None},
        at=at,
        actor=SYSTEM if threshold is not None else None,
        changed=[*changed, *moved],
        threshold=threshold,
        details=details,
    )


WAITING = frozenset({Status.ACCEPTED, Status.DISPATCHED, Status.HANDLING, Status.FED_BACK})
"""Statuses in which a ticket may wait."""
