"""More time for a stage: asked for before the limit, approved by the centre or lapsed (R4.10, DECISIONS 10 and 29)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from schemas.action import ApproveExtension, DenyExtension, RequestExtension
from schemas.event import Fired
from schemas.ticket import Extension, Reason, SlaTimer, Ticket
from services.domain.policy.limits import ClockRule
from services.domain.sla import timer as clocks
from services.ledger.domain.decision_context import SYSTEM, CommandRejected, DecisionContext, because

NAME = "extension"
LAPSE = "lapse"


def request(story: DecisionContext, action: RequestExtension) -> None:
    """Ask for a new limit; an undecided request holds the breach back."""
    ticket, rule = story.ticket, story.policy.limits.extension
    stage = _stage(story, ticket)
    clock = _running(ticket, stage)
    asked = [each for each in ticket.extensions if each.clock == clock.name and each.run == clock.run]
    if any(each.state == "asked" for each in asked):
        raise CommandRejected("asked", "an extension is asked for already; wait until the centre has decided")
    if len([each for each in asked if each.state == "approved"]) >= rule.per_stage:
        raise CommandRejected(
            "too_many", f"this stage was extended {rule.per_stage} times, more is not allowed ({rule.source})"
        )
    if clock.due_at <= story.at:
        raise CommandRejected("too_late", f"the limit ran out at {clock.due_at.isoformat()}; ask before the limit")
    calendar = story.policy.calendar(clock.calendar)
    latest = calendar.add(clock.due_at, clock.length * rule.at_most)
    if not clock.due_at < action.committed_until <= latest:
        raise CommandRejected(
            "too_long",
            f"commit to a time after {clock.due_at.isoformat()} and not after {latest.isoformat()} ({rule.source})",
            ("committed_until",),
        )
    elapsed = story.policy.calendar("elapsed")
    wait = clocks.single(
        NAME,
        elapsed,
        at=story.at,
        run=1 + len(ticket.extensions),
        points=[(LAPSE, elapsed.due(story.at, rule.lapses_after))],
        rule="extension",
        source=rule.source,
    )
    new = Extension(
        clock=clock.name,
        run=clock.run,
        asked_at=story.at,
        committed_until=action.committed_until,
        explanation=action.explanation,
    )
    story.happen(
        "extension_requested",
        because("extension", "asked", "extension", rule.source),
        {"extensions": (*ticket.extensions, new), "acted_in_stage": True},
        changed=[clock.replace(held=True), wait],
        details={"explanation": action.explanation, "committed_until": action.committed_until, "old_due": clock.due_at},
    )


def approve(story: DecisionContext, action: ApproveExtension) -> None:
    """Agree: the new limit counts, the old one stays visible."""
    ticket, rule = story.ticket, story.policy.limits.extension
    _of_the_centre(story)
    asked = _asked(ticket)
    if rule.needs_progress_reply and (
        ticket.progress_replied_at is None or ticket.progress_replied_at < asked.asked_at
    ):
        raise CommandRejected(
            "missing",
            f"tell the customer first where things stand, with reply_progress ({rule.source})",
            ("reply_progress",),
        )
    stage = _stage(story, ticket)
    clock = _running(ticket, stage)
    pair = clocks.extend(clock, stage, story.policy.calendar(clock.calendar), at=story.at, until=asked.committed_until)
    story.happen(
        "extension_approved",
        because("extension", "approved", "extension", rule.source),
        {"extensions": _with_state(ticket, "approved")},
        changed=[*pair, *_stopped_wait(story, "extension_approved")],
        details={"note": action.note, "old_due": clock.due_at, "new_due": asked.committed_until},
    )


def deny(story: DecisionContext, action: DenyExtension) -> None:
    """Do not agree: the old limit counts again."""
    _of_the_centre(story)
    ticket, rule = story.ticket, story.policy.limits.extension
    _asked(ticket)
    story.happen(
        "extension_denied",
        because("extension", "denied", "extension", rule.source),
        {"extensions": _with_state(ticket, "denied")},
        changed=[*_released(ticket), *_stopped_wait(story, "extension_denied")],
        details={"reason": action.reason},
    )


def lapse(story: DecisionContext, rule: Reason, changed: Sequence[SlaTimer], threshold: Fired, at: datetime) -> None:
    """Nobody decided in time: the old limit counts again."""
    when = max(at, story.ticket.updated_at)
    wait = [
        clocks.stop(each, when, by="extension_lapsed", reason="lapsed", calendar=story.policy.calendar(each.calendar))
        for each in changed
    ]
    story.happen(
        "extension_lapsed",
        rule,
        {"extensions": _with_state(story.ticket, "lapsed")},
        at=at,
        actor=SYSTEM,
        changed=[*_released(story.ticket), *wait],
        threshold=threshold,
    )


def forget(story: DecisionContext, by: str) -> tuple[dict[str, Any], list[SlaTimer]]:
    """Return what becomes of an open request when the stage ends before it is decided."""
    if not any(each.state == "asked" for each in story.ticket.extensions):
        return {}, []
    return {"extensions": _with_state(story.ticket, "lapsed")}, _stopped_wait(story, by)


def _stage(story: DecisionContext, ticket: Ticket) -> ClockRule:
    for rule in story.policy.limits.clocks:
        if rule.extendable and any(each.name == rule.name and each.stopped_at is None for each in ticket.clocks):
            return rule
    raise CommandRejected("not_extendable", "the ticket is in no stage that can be extended")


def _running(ticket: Ticket, rule: ClockRule) -> SlaTimer:
    return next(each for each in ticket.clocks if each.name == rule.name and each.stopped_at is None)


def _asked(ticket: Ticket) -> Extension:
    for each in ticket.extensions:
        if each.state == "asked":
            return each
    raise CommandRejected("nothing_asked", "no extension is asked for")


def _with_state(ticket: Ticket, state: str) -> tuple[Extension, ...]:
    return tuple(each.replace(state=state) if each.state == "asked" else each for each in ticket.extensions)


def _released(ticket: Ticket) -> list[SlaTimer]:
    return [each.replace(held=False) for each in ticket.clocks if each.held and each.stopped_at is None]


def _stopped_wait(story: DecisionContext, by: str) -> list[SlaTimer]:
    return [
        clocks.stop(each, story.at, by=by, reason="decided", calendar=story.policy.calendar(each.calendar))
        for each in story.ticket.clocks
        if each.name == NAME and each.stopped_at is None
    ]


def _of_the_centre(story: DecisionContext) -> None:
    actor = story.command.actor
    if actor.unit is None or story.unit(actor.unit).kind not in {"centre", "supervisor"}:
        raise CommandRejected(
            "not_allowed", "only a complaint centre decides on an extension: say its unit in `actor.unit`"
        )
