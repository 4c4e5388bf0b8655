"""Arithmetic of SLA timers: begin, stop, carry on, pause, resume, extend, re-limit. Pure.

All lengths are in the time of the timer's own calendar (R4.1). A timer keeps the time already used over a pause, a
hand-over or a second visit to its stage (R4.11). Its thresholds are points in time, computed once, so that everybody
downstream sees them and nobody has to know the policy.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from schemas.ticket import SlaTimer, Threshold, ThresholdState
from services.domain.policy.clocks import ClockRule
from services.domain.policy.limit_tables import Limit
from services.domain.sla.thresholds import BREACH, ESCALATION, NOTHING, DeadlineCalendar, escalations, thresholds_of

STAGE_ENDED = "stage_ended"
"""Why a threshold was settled: its stage was left before its time came."""
MISSED = "missed"
"""Why a threshold was settled: a policy came into force after its time, so nobody could have kept it."""


class Instants(Struct, frozen=True):
    """Instants that facts of the ticket name, for limits that look at them.

    Attributes:
        wanted_by: the customer's own limit, or that of the regulator's transfer.
        asking_ended: when the customer had answered, or was not asked any more.

    """

    wanted_by: datetime | None = None
    asking_ended: datetime | None = None


NONE_NAMED = Instants()


def begin(
    rule: ClockRule,
    limit: Limit,
    calendar: DeadlineCalendar,
    *,
    at: datetime,
    run: int,
    ticket_run: int = 1,
    used: timedelta = NOTHING,
    instants: Instants = NONE_NAMED,
    unit: str | None = None,
) -> SlaTimer | None:
    """Start a timer; None where its only limit is an instant that nobody has named.

    Args:
        rule: what the policy says of it.
        limit: how long it may run.
        calendar: in whose time.
        at: from when it counts.
        run: counts the runs of this timer in its ticket, from 1.
        ticket_run: the run of the ticket to which it belongs.
        used: time that counts although it was used before (a migrated ticket).
        instants: what facts of the ticket name.
        unit: the assisting unit whose own timer it is.

    """
    due = _end(limit, calendar, at, instants)
    if due is None:
        return None
    length = calendar.between(at, due)
    if used:
        due = calendar.add(at, max(length - used, NOTHING))
    return SlaTimer(
        name=rule.name,
        unit=unit,
        run=run,
        ticket_run=ticket_run,
        calendar=calendar.name,
        length=length,
        started_at=at,
        due_at=due,
        used=used,
        thresholds=thresholds_of(rule, limit, calendar, start=at, due=due, length=length, used=used),
        provisional=not calendar.knows(due),
        rule=limit.rule,
        source=limit.source,
    )


def _end(limit: Limit, calendar: DeadlineCalendar, start: datetime, instants: Instants) -> datetime | None:
    """Return when a limit ends that begins at `start`; None where it names an instant alone and there is none."""
    due = calendar.due(start, limit.span) if limit.span is not None else None
    named = instants.wanted_by if limit.at is not None else None
    if named is not None and named > start:
        due = named if due is None else (min if limit.pick == "sooner" else max)(due, named)
    if due is not None and limit.moved is not None and instants.asking_ended is not None:
        due = max(due, calendar.due(instants.asking_ended, limit.moved.value))
    return due


def single(
    name: str,
    calendar: DeadlineCalendar,
    *,
    at: datetime,
    run: int,
    ticket_run: int,
    points: Sequence[tuple[str, datetime]],
    rule: str,
    source: str,
) -> SlaTimer:
    """Start a timer that the policy's table does not name, such as a suspension's wait; due at its last point."""
    due = points[-1][1]
    return SlaTimer(
        name=name,
        run=run,
        ticket_run=ticket_run,
        calendar=calendar.name,
        length=calendar.between(at, due),
        started_at=at,
        due_at=due,
        thresholds=tuple(Threshold(name=point, at=when) for point, when in points),
        rule=rule,
        source=source,
    )


def stop(
    timer: SlaTimer, at: datetime, *, by: str, reason: str, calendar: DeadlineCalendar, final: bool = True
) -> SlaTimer:
    """End a timer.

    Args:
        timer: a running or paused one.
        at: when.
        by: type of the event that ended it.
        reason: why thresholds that are still open are settled.
        calendar: the timer's.
        final: whether open thresholds are settled now; otherwise the timer may be carried on, and `close` settles them.

    """
    return timer.replace(
        stopped_at=at,
        stopped_by=by,
        used=used_until(timer, at, calendar),
        held=False,
        paused_at=None,
        thresholds=_settled(timer, at, reason) if final else timer.thresholds,
    )


def close(timer: SlaTimer, at: datetime, reason: str) -> SlaTimer:
    """Settle the open thresholds of a timer that will not be carried on."""
    return timer.replace(thresholds=_settled(timer, at, reason))


def _settled(timer: SlaTimer, at: datetime, reason: str) -> tuple[Threshold, ...]:
    """Return the thresholds of a timer, those that are open settled with a reason."""
    return tuple(
        [
            point.replace(state=ThresholdState.SETTLED, reason=reason, decided_at=at)
            if point.state is ThresholdState.OPEN
            else point
            for point in timer.thresholds
        ]
    )


def carry_on(timer: SlaTimer, at: datetime, calendar: DeadlineCalendar, *, wall: bool = False) -> SlaTimer:
    """Let a stopped timer go on in the same run: nobody is warned twice, what was exceeded stays exceeded.

    Args:
        timer: a stopped one.
        at: when its state was entered again.
        calendar: the timer's.
        wall: whether the time away counts as used; otherwise as much is left as there was.

    """
    away_since = timer.stopped_at
    assert away_since is not None
    thresholds, limit = timer.thresholds, timer.limit
    if any(point.reason == STAGE_ENDED for point in thresholds):
        # A threshold is decided once under each limit, and these were settled when the timer ended.
        limit += 1
        thresholds = tuple(
            point.replace(state=ThresholdState.OPEN, reason=None, decided_at=None)
            if point.reason == STAGE_ENDED
            else point
            for point in thresholds
        )
    going = timer.replace(limit=limit, stopped_at=None, stopped_by=None, resumed_at=at, thresholds=thresholds)
    if wall:
        return going.replace(used=timer.used + calendar.between(away_since, at))
    return _shifted(going, since=away_since, at=at, calendar=calendar)


def used_until(timer: SlaTimer, at: datetime, calendar: DeadlineCalendar) -> timedelta:
    """Return the time of the calendar that the timer has used; never shrinks (R4.11)."""
    if timer.stopped_at is not None or timer.paused_at is not None:
        return timer.used
    return timer.used + calendar.between(max(timer.resumed_at or timer.started_at, timer.started_at), at)


def pause(timer: SlaTimer, at: datetime, calendar: DeadlineCalendar) -> SlaTimer:
    """Let a timer stand still."""
    return timer.replace(paused_at=at, used=used_until(timer, at, calendar))


def resume(timer: SlaTimer, at: datetime, calendar: DeadlineCalendar) -> SlaTimer:
    """Let a paused timer go on: what was left at the pause is left now, to the limit and to every open threshold."""
    paused = timer.paused_at
    assert paused is not None
    return _shifted(timer.replace(paused_at=None, resumed_at=at), since=paused, at=at, calendar=calendar)


def _shifted(timer: SlaTimer, *, since: datetime, at: datetime, calendar: DeadlineCalendar) -> SlaTimer:
    """Move what was to come after `since` so that it comes as long after `at`."""

    def moved(when: datetime) -> datetime:
        return calendar.add(at, calendar.between(since, when)) if when > since else when

    return timer.replace(
        due_at=moved(timer.due_at),
        thresholds=tuple(
            point.replace(at=moved(point.at)) if point.state is ThresholdState.OPEN else point
            for point in timer.thresholds
        ),
    )


def extend(
    timer: SlaTimer, rule: ClockRule, calendar: DeadlineCalendar, *, at: datetime, until: datetime, by: str
) -> tuple[SlaTimer, SlaTimer]:
    """Return the old limit, ended, and the new one that was committed to: both stay visible (R4.10).

    The commitment is an instant. It warns anew, for it is a new promise; what was exceeded stays exceeded.
    """
    at = timer.paused_at or at
    old = stop(timer, at, by=by, reason="extended", calendar=calendar)
    length = timer.length + calendar.between(timer.due_at, until)
    new = timer.replace(
        limit=timer.limit + 1,
        length=length,
        resumed_at=at,
        due_at=until,
        held=False,
        used=old.used,
        committed=True,
        thresholds=thresholds_of(
            rule,
            Limit(span=None, calendar=timer.calendar, rule=timer.rule, source=timer.source),
            calendar,
            start=at,
            due=until,
            length=length,
            used=old.used,
        ),
        provisional=not calendar.knows(until),
    )
    return old, new


def relimit(
    timer: SlaTimer,
    rule: ClockRule,
    limit: Limit,
    calendar: DeadlineCalendar,
    *,
    at: datetime,
    by: str,
    start: datetime | None = None,
    instants: Instants = NONE_NAMED,
) -> tuple[SlaTimer, SlaTimer] | None:
    """Return the old limit, ended, and the new one from the same start (DECISIONS 6, R4.12).

    None when nothing moves: its end stays where it is, it was exceeded already, or a later end was committed to. A
    timer that stands still goes on standing, with as much of the new limit left. What it has warned of stays warned.

    Args:
        timer: a running or paused one.
        rule: what the policy says of it.
        limit: the limit that counts now.
        calendar: the limit's.
        at: when.
        by: type of the event that moves it.
        start: from when it counts now; by default from when it did.
        instants: what facts of the ticket name.

    """
    if timer.exceeded:
        return None
    at, start = timer.paused_at or at, start or timer.started_at
    end = _end(limit, calendar, start, instants)
    if end is None:
        return None
    old = stop(timer, at, by=by, reason="relimited", calendar=calendar)
    length = calendar.between(start, end)
    used = old.used
    if calendar.name != timer.calendar:
        # Time used in another calendar's hours is no measure for this one's: then all since the start counts.
        used = calendar.between(start, at)
    elif start != timer.started_at:
        used = max(
            used + calendar.between(start, timer.started_at) - calendar.between(timer.started_at, start), NOTHING
        )
    whole = used == calendar.between(start, at)
    # A limit of days ends at close of business: where no time was left out, its end is the calendar's own.
    due = end if whole else calendar.add(at, max(length - used, NOTHING))
    if (due == timer.due_at and calendar.name == timer.calendar) or (timer.committed and due <= timer.due_at):
        return None
    decided = {point.name: point for point in timer.thresholds if point.state is not ThresholdState.OPEN}
    thresholds = thresholds_of(rule, limit, calendar, start=at, due=due, length=length, used=used)
    new = timer.replace(
        limit=timer.limit + 1,
        calendar=calendar.name,
        length=length,
        started_at=start,
        resumed_at=at,
        due_at=due,
        used=used,
        thresholds=tuple(decided.get(point.name, point) for point in thresholds),
        provisional=not calendar.knows(due),
        rule=limit.rule,
        source=limit.source,
    )
    return old.replace(started_at=timer.started_at), new


def missed(timer: SlaTimer, rule: ClockRule, calendar: DeadlineCalendar, at: datetime) -> SlaTimer:
    """Settle what a policy that comes into force at `at` puts into the past: no warning and no breach of it.

    The next level is informed after that as often as after a breach, so that the ticket is not forgotten. An archive
    whose time has passed is not missed but due.
    """
    if rule.breach.does == "archive":
        return timer
    kept = [point if _is_escalation(point) else _missed_point(point, at) for point in timer.thresholds]
    breach = next(point for point in kept if point.name == BREACH)
    if breach.reason == MISSED:
        first = next(filter(_is_escalation, kept), None)
        kept = [point for point in kept if not _is_escalation(point) or point.state is not ThresholdState.OPEN]
        if first is not None:
            kept += escalations(rule.breach, calendar, at, calendar.between(breach.at, first.at))
    return timer.replace(thresholds=tuple(kept))


def _missed_point(point: Threshold, at: datetime) -> Threshold:
    if point.state is not ThresholdState.OPEN or point.at > at:
        return point
    return point.replace(state=ThresholdState.SETTLED, reason=MISSED, decided_at=at)


def _is_escalation(point: Threshold) -> bool:
    return point.name.startswith(ESCALATION)
