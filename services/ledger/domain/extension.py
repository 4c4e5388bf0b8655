"""More time for a stage: asked for before the limit, approved by the centre or lapsed (R4.10, DECISIONS 10, 29, 31)."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from schemas.action import ApproveExtension, DenyExtension, RequestExtension
from schemas.event import Fired
from schemas.ticket import Extension, Reason, SlaTimer, Status, Ticket
from services.domain.policy.clocks import ClockRule
from services.domain.sla import timer as arithmetic
from services.ledger.domain.decision_context import SYSTEM, CommandRejected, DecisionContext, because
from services.ledger.domain.timers import EXTENSION

LAPSE = "lapse"
APPROVED = "extension_approved"


def request(context: DecisionContext, action: RequestExtension) -> None:
    """Ask for a new limit; an undecided request holds the breach back."""
    ticket, rule = context.ticket, context.policy.limits.extension
    _, timer = _stage(context, ticket)
    asked = [each for each in ticket.extensions if each.clock == timer.name and each.run == timer.run]
    if any(extension.state == "asked" for extension in asked):
        raise CommandRejected("asked", "an extension is asked for already; wait until the centre has decided")
    approved = [extension for extension in asked if extension.state == "approved"]
    if len(approved) >= rule.per_stage:
        raise CommandRejected(
            "too_many", f"this stage was extended {rule.per_stage} times, more is not allowed ({rule.source})"
        )
    calendar = context.policy.calendar(timer.calendar)
    due = timer.due_at
    if timer.paused_at is not None:
        due = calendar.add(context.at, calendar.between(timer.paused_at, timer.due_at))
    if due <= context.at:
        raise CommandRejected("too_late", f"the limit ran out at {due.isoformat()}; ask before the limit")
    latest = calendar.add(due, _first_length(ticket, timer) * rule.at_most)
    if not due < action.committed_until <= latest:
        raise CommandRejected(
            "too_long",
            f"commit to a time after {due.isoformat()} and not after {latest.isoformat()} ({rule.source})",
            ("committed_until",),
        )
    elapsed = context.policy.calendar("elapsed")
    wait = arithmetic.single(
        EXTENSION,
        elapsed,
        at=context.at,
        run=1 + ticket.extensions_count,
        ticket_run=ticket.run,
        points=[(LAPSE, elapsed.due(context.at, rule.lapses_after))],
        rule="extension",
        source=rule.source,
    )
    new = Extension(
        clock=timer.name,
        run=timer.run,
        asked_at=context.at,
        committed_until=action.committed_until,
        explanation=action.explanation,
    )
    context.record_event(
        "extension_requested",
        because("extension", "asked", "extension", rule.source),
        {"extensions": (*ticket.extensions, new), "acted_in_stage": True},
        changed=[wait],
        details={"explanation": action.explanation, "committed_until": action.committed_until, "old_due": due},
    )


def approve(context: DecisionContext, action: ApproveExtension) -> None:
    """Agree: the new limit counts, the old one stays visible, and the promise moves with it (DECISIONS 31)."""
    ticket, rule = context.ticket, context.policy.limits.extension
    asked = _asked(ticket)
    replied = ticket.progress_replied_at is not None and ticket.progress_replied_at >= asked.asked_at
    if rule.needs_progress_reply and not replied:
        raise CommandRejected(
            "missing",
            f"tell the customer first where things stand, with reply_progress ({rule.source})",
            ("reply_progress",),
        )
    stage, timer = _stage(context, ticket)
    moved = list(_extended(context, stage, timer, asked.committed_until))
    if replied:
        moved += _moved_promises(context, timer, asked.committed_until)
    new_due = max(timer.due_at, asked.committed_until)
    context.record_event(
        APPROVED,
        because("extension", "approved", "extension", rule.source),
        {"extensions": _with_state(ticket, "approved")},
        changed=moved,
        details={"note": action.note, "old_due": timer.due_at, "new_due": new_due},
    )


def deny(context: DecisionContext, action: DenyExtension) -> None:
    """Do not agree: the old limit counts again."""
    ticket, rule = context.ticket, context.policy.limits.extension
    _asked(ticket)
    context.record_event(
        "extension_denied",
        because("extension", "denied", "extension", rule.source),
        {"extensions": _with_state(ticket, "denied")},
        details={"reason": action.reason},
    )


def lapse(context: DecisionContext, rule: Reason, changed: Sequence[SlaTimer], threshold: Fired, at: datetime) -> None:
    """Nobody decided in time: the old limit counts again."""
    context.record_event(
        "extension_lapsed",
        rule,
        {"extensions": _with_state(context.ticket, "lapsed")},
        at=at,
        actor=SYSTEM,
        changed=changed,
        threshold=threshold,
    )


def _extended(context: DecisionContext, rule: ClockRule, timer: SlaTimer, until: datetime) -> Sequence[SlaTimer]:
    """Return a timer with a later end that was committed to; an approval never shortens a limit."""
    if timer.exceeded or until <= timer.due_at:
        return ()
    calendar = context.policy.calendar(timer.calendar)
    return arithmetic.extend(timer, rule, calendar, at=context.at, until=until, by=APPROVED)


def _moved_promises(context: DecisionContext, stage: SlaTimer, until: datetime) -> list[SlaTimer]:
    """Return the promises as they move: the stage's new limit, and the time to tell the customer after it."""
    ticket, limits = context.ticket, context.policy.limits
    facts = context.policy.facts_of(ticket)
    end = until
    for rule in limits.by_status[Status.FED_BACK]:
        if rule.while_.status == (Status.FED_BACK,) and rule.when.holds(facts):
            limit = limits.limit(rule, facts, ticket.customer)
            if limit.span is not None:
                end = max(end, context.policy.calendar(limit.calendar).due(until, limit.span))
    found: list[SlaTimer] = []
    for timer in ticket.clocks:
        promise = limits.by_name.get(timer.name)
        if promise is not None and promise.outer and timer.stopped_at is None and timer.key != stage.key:
            found += _extended(context, promise, timer, end)
    return found


def _stage(context: DecisionContext, ticket: Ticket) -> tuple[ClockRule, SlaTimer]:
    """Return the stage that can be extended now, and its timer."""
    for timer in reversed(ticket.clocks):
        rule = context.policy.limits.by_name.get(timer.name)
        if rule is not None and rule.extendable and timer.stopped_at is None:
            return rule, timer
    raise CommandRejected("not_extendable", "the ticket is in no stage that can be extended")


def _first_length(ticket: Ticket, timer: SlaTimer) -> timedelta:
    return next(each.length for each in ticket.clocks if (each.name, each.run) == (timer.name, timer.run))


def _asked(ticket: Ticket) -> Extension:
    for extension in ticket.extensions:
        if extension.state == "asked":
            return extension
    raise CommandRejected("nothing_asked", "no extension is asked for")


def _with_state(ticket: Ticket, state: str) -> tuple[Extension, ...]:
    return tuple(
        extension.replace(state=state) if extension.state == "asked" else extension for extension in ticket.extensions
    )
