"""Clock arithmetic: begin, stop, pause, resume, extend; all pure, all in the time of the clock's own calendar (R4.1).

A clock keeps the time already used over a pause or a hand-over (R4.11). Its thresholds are points in time, computed
once when the clock begins, so that everybody downstream sees them and nobody has to know the policy.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from schemas.ticket import SlaTimer, Threshold, ThresholdState
from services.domain.policy.base import Span
from services.domain.policy.limits import BreachRule, ClockRule, Limit, WarningRule

NOTHING = timedelta(0)
BREACH = "breach"
_WARNINGS = ("warning", *(f"warning_{number}" for number in range(2, 10)))
_ESCALATIONS = tuple(f"escalation_{number}" for number in range(1, 10))
HELD = (BREACH, "escalation")
"""What an undecided extension holds back (DECISIONS 29), by the start of the threshold's name."""


class DeadlineCalendar(Protocol):
    """What clock arithmetic needs of a calendar."""

    @property
    def name(self) -> str:
        """The name that policies use."""
        ...

    def knows(self, at: datetime) -> bool:
        """Whether the holidays of an instant's year are known."""
        ...

    def due(self, start: datetime, span: Span) -> datetime:
        """Return when a span that begins at `start` ends."""
        ...

    def add(self, start: datetime, length: timedelta) -> datetime:
        """Return the instant after so much time of the calendar."""
        ...

    def between(self, start: datetime, end: datetime) -> timedelta:
        """Return the time of the calendar from start to end."""
        ...


def begin(
    rule: ClockRule,
    limit: Limit,
    calendar: DeadlineCalendar,
    *,
    at: datetime,
    run: int,
    used: timedelta = NOTHING,
    wanted_by: datetime | None = None,
) -> SlaTimer:
    """Start a clock.

    Args:
        rule: what the policy says of it.
        limit: how long it may run.
        calendar: in whose time.
        at: when it starts.
        run: counts the runs of this clock in its ticket, from 1.
        used: time of an earlier run that counts (a re-routed ticket keeps the time its stage has used).
        wanted_by: the customer's own limit; counts when it is sooner and the policy lets it.

    """
    due = _end(limit, calendar, at, wanted_by)
    length = calendar.between(at, due)
    if used:
        due = calendar.add(at, max(length - used, NOTHING))
    return SlaTimer(
        name=rule.name,
        run=run,
        calendar=calendar.name,
        length=length,
        started_at=at,
        due_at=due,
        used=used,
        thresholds=_thresholds(rule.warnings, rule.breach, calendar, start=at, due=due, length=length, used=used),
        provisional=not calendar.knows(due),
        rule=limit.rule,
        source=limit.source,
    )


def _end(limit: Limit, calendar: DeadlineCalendar, start: datetime, wanted_by: datetime | None) -> datetime:
    """Return when a limit ends that begins at `start`: the customer's own time counts where it may and is sooner."""
    due = calendar.due(start, limit.span)
    if limit.or_customers and wanted_by is not None and start < wanted_by < due:
        return wanted_by
    return due


def _thresholds(
    warnings: Sequence[WarningRule],
    breach: BreachRule,
    calendar: DeadlineCalendar,
    *,
    start: datetime,
    due: datetime,
    length: timedelta,
    used: timedelta,
) -> tuple[Threshold, ...]:
    points = [
        Threshold(
            name=name,
            at=min(calendar.add(start, max(length * warning.part - used, NOTHING)), due),
            notifies=warning.notifies,
            unless_acted=warning.unless_acted,
        )
        for name, warning in zip(_WARNINGS, warnings, strict=False)
    ]
    points.append(Threshold(name=BREACH, at=due, notifies=breach.notifies))
    if breach.escalate_every is not None:
        step, at = length * breach.escalate_every, due
        for name in _ESCALATIONS[: breach.escalations]:
            at = calendar.add(at, step)
            points.append(Threshold(name=name, at=at, notifies=breach.notifies))
    return tuple(points)


def single(
    name: str,
    calendar: DeadlineCalendar,
    *,
    at: datetime,
    run: int,
    points: Sequence[tuple[str, datetime]],
    rule: str,
    source: str,
) -> SlaTimer:
    """Start a clock that the policy's table does not name, such as a suspension's wait; due at its last point."""
    due = points[-1][1]
    return SlaTimer(
        name=name,
        run=run,
        calendar=calendar.name,
        length=calendar.between(at, due),
        started_at=at,
        due_at=due,
        thresholds=tuple(Threshold(name=point, at=when) for point, when in points),
        rule=rule,
        source=source,
    )


def stop(clock: SlaTimer, at: datetime, *, by: str, reason: str, calendar: DeadlineCalendar) -> SlaTimer:
    """End a clock by an event; thresholds still open are settled with the reason, in that event."""
    return clock.replace(
        stopped_at=at,
        stopped_by=by,
        used=used_until(clock, at, calendar),
        held=False,
        thresholds=tuple(_settled(each, at, reason) for each in clock.thresholds),
    )


def _settled(threshold: Threshold, at: datetime, reason: str) -> Threshold:
    if threshold.state is not ThresholdState.OPEN:
        return threshold
    return threshold.replace(state=ThresholdState.SETTLED, reason=reason, decided_at=at)


def used_until(clock: SlaTimer, at: datetime, calendar: DeadlineCalendar) -> timedelta:
    """Return the time of the calendar that the clock has used; never shrinks (R4.11)."""
    if clock.stopped_at is not None or clock.paused_at is not None:
        return clock.used
    return clock.used + calendar.between(max(clock.resumed_at or clock.started_at, clock.started_at), at)


def pause(clock: SlaTimer, at: datetime, calendar: DeadlineCalendar) -> SlaTimer:
    """Let a clock stand still."""
    return clock.replace(paused_at=at, used=used_until(clock, at, calendar))


def resume(clock: SlaTimer, at: datetime, calendar: DeadlineCalendar) -> SlaTimer:
    """Let a clock go on: what was left at the pause is left now, to the limit and to every open threshold."""
    paused = clock.paused_at
    assert paused is not None

    def moved(when: datetime) -> datetime:
        return calendar.add(at, calendar.between(paused, when)) if when > paused else when

    return clock.replace(
        paused_at=None,
        resumed_at=at,
        due_at=moved(clock.due_at),
        thresholds=tuple(
            each.replace(at=moved(each.at)) if each.state is ThresholdState.OPEN else each for each in clock.thresholds
        ),
    )


def extend(
    clock: SlaTimer, rule: ClockRule, calendar: DeadlineCalendar, *, at: datetime, until: datetime
) -> tuple[SlaTimer, SlaTimer]:
    """Return the old limit, ended, and the new one: both stay visible (R4.10)."""
    old = stop(clock, at, by="extension_approved", reason="extended", calendar=calendar)
    length = clock.length + calendar.between(clock.due_at, until)
    new = clock.replace(
        limit=clock.limit + 1,
        length=length,
        started_at=at,
        resumed_at=None,
        due_at=until,
        held=False,
        used=old.used,
        thresholds=_thresholds(rule.warnings, rule.breach, calendar, start=at, due=until, length=length, used=old.used),
    )
    return old, new


def relimit(
    clock: SlaTimer,
    rule: ClockRule,
    limit: Limit,
    calendar: DeadlineCalendar,
    *,
    at: datetime,
    by: str = "reclassified",
    wanted_by: datetime | None = None,
) -> tuple[SlaTimer, SlaTimer] | None:
    """Return the old limit, ended, and the new one from the same start (DECISIONS 6, R4.12).

    None when its end stays where it is. A clock that stands still goes on standing, with as much of the new limit left.
    """
    length = calendar.between(clock.started_at, _end(limit, calendar, clock.started_at, wanted_by))
    old = stop(clock, at, by=by, reason="relimited", calendar=calendar)
    # Time used in another calendar's hours is no measure for this one's: then all since the start counts.
    used = old.used if calendar.name == clock.calendar else calendar.between(clock.started_at, at)
    due = calendar.add(at, max(length - used, NOTHING))
    if due == clock.due_at and calendar.name == clock.calendar:
        return None
    new = clock.replace(
        limit=clock.limit + 1,
        calendar=calendar.name,
        length=length,
        resumed_at=at,
        due_at=due,
        used=used,
        thresholds=_thresholds(rule.warnings, rule.breach, calendar, start=at, due=due, length=length, used=used),
        provisional=not calendar.knows(due),
        rule=limit.rule,
        source=limit.source,
    )
    return old, new


def due_thresholds(clock: SlaTimer) -> Iterable[Threshold]:
    """Return the thresholds that are to be decided when their time comes."""
    if not clock.running:
        return
    for each in clock.thresholds:
        if each.state is ThresholdState.OPEN and not (clock.held and each.name.startswith(HELD)):
            yield each


def next_action(clocks: Iterable[SlaTimer]) -> datetime | None:
    """Return the earliest instant at which a ticket with these clocks has to be looked at."""
    earliest: datetime | None = None
    # Asked for at every event of every ticket: plain loops are three times as fast as generators.
    for clock in clocks:
        if clock.stopped_at is not None or clock.paused_at is not None:
            continue
        for each in clock.thresholds:
            if (
                each.state is ThresholdState.OPEN
                and (earliest is None or each.at < earliest)
                and not (clock.held and each.name.startswith(HELD))
            ):
                earliest = each.at
    return earliest


def decided(clock: SlaTimer, name: str, state: ThresholdState, at: datetime, reason: str | None = None) -> SlaTimer:
    """Return the clock with one threshold decided."""
    return clock.replace(
        thresholds=tuple(
            each.replace(state=state, decided_at=at, reason=reason) if each.name == name else each
            for each in clock.thresholds
        )
    )
