"""Thresholds of SLA timers: when each warning, breach and escalation is due, and which of them are still open. Pure."""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from typing import Protocol

from schemas.ticket import SlaTimer, Threshold, ThresholdState
from services.domain.policy.base import Span
from services.domain.policy.clocks import BreachRule, ClockRule
from services.domain.policy.limit_tables import Limit

NOTHING = timedelta(0)
BREACH = "breach"
ESCALATION = "escalation"
WARNINGS = ("warning", *(f"warning_{number}" for number in range(2, 10)))
_ESCALATIONS = tuple(f"escalation_{number}" for number in range(1, 10))
HELD = (BREACH, ESCALATION)
"""What an undecided extension holds back (DECISIONS 29), by the start of the threshold's name."""
PAST = timedelta(microseconds=1)
"""How far a tick lies behind the instant: what is stamped at that very instant is still in time (DECISIONS 32)."""
SAME_DAY_WARNING = timedelta(hours=2)
"""Office time before the end of a same-day limit at which it warns (DECISIONS 33)."""


class DeadlineCalendar(Protocol):
    """What timer arithmetic needs of a calendar."""

    @property
    def name(self) -> str:
        """The name that policies use."""
        ...

    @property
    def half_day(self) -> timedelta:
        """Half of what one day has of the calendar's time."""
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

    def subtract(self, end: datetime, length: timedelta) -> datetime:
        """Return the instant before so much time of the calendar."""
        ...

    def between(self, start: datetime, end: datetime) -> timedelta:
        """Return the time of the calendar from start to end."""
        ...


def thresholds_of(
    rule: ClockRule,
    limit: Limit,
    calendar: DeadlineCalendar,
    *,
    start: datetime,
    due: datetime,
    length: timedelta,
    used: timedelta,
) -> tuple[Threshold, ...]:
    """Return every threshold of a timer whose remaining time begins at `start` and ends at `due`."""
    same_day = limit.span is not None and not limit.span.amount
    # What the holder does in the stage is no act of a unit that assists it.
    own = rule.runs_for is None
    points = []
    for name, warning in zip(WARNINGS, rule.warnings, strict=False):
        if same_day:
            at = calendar.subtract(due, SAME_DAY_WARNING)
            if at <= start:
                continue
        elif warning.part is not None:
            at = min(calendar.add(start, max(length * warning.part - used, NOTHING)), due)
        else:
            assert warning.after is not None
            at = min(calendar.due(start, warning.after), due)
        points.append(Threshold(name=name, at=at, notifies=warning.notifies, unless_acted=own and warning.unless_acted))
    points.append(Threshold(name=BREACH, at=due, notifies=rule.breach.notifies))
    if rule.breach.escalate_every is not None:
        step = calendar.half_day if same_day else length * rule.breach.escalate_every
        points += escalations(rule.breach, calendar, due, step)
    return tuple(points)


def escalations(breach: BreachRule, calendar: DeadlineCalendar, after: datetime, step: timedelta) -> list[Threshold]:
    """Return the thresholds at which the next level is informed after a breach, so far apart."""
    points, at = [], after
    for name in _ESCALATIONS[: breach.escalations]:
        at = calendar.add(at, step)
        points.append(Threshold(name=name, at=at, notifies=breach.notifies))
    return points


def due_thresholds(timer: SlaTimer) -> Iterable[Threshold]:
    """Return the thresholds that are to be decided when their time comes."""
    if not timer.running:
        return
    for each in timer.thresholds:
        if each.state is ThresholdState.OPEN and not (timer.held and each.name.startswith(HELD)):
            yield each


def next_action(clocks: Iterable[SlaTimer]) -> datetime | None:
    """Return the earliest instant at which a ticket with these clocks has to be looked at."""
    earliest: datetime | None = None
    # Asked for at every event of every ticket: plain loops are three times as fast as generators.
    for timer in clocks:
        if timer.stopped_at is not None or timer.paused_at is not None:
            continue
        for each in timer.thresholds:
            if (
                each.state is ThresholdState.OPEN
                and (earliest is None or each.at < earliest)
                and not (timer.held and each.name.startswith(HELD))
            ):
                earliest = each.at
    return earliest


def next_actions(clocks: Sequence[SlaTimer], archives: AbstractSet[str]) -> tuple[datetime | None, datetime | None]:
    """Return when a ticket has to be looked at: at an exact time, or only years later for the archive; never both.

    Args:
        clocks: of the ticket.
        archives: names of the clocks at whose end it is put into the archive.

    """
    earliest = next_action(clocks)
    if earliest is None or next_action(timer for timer in clocks if timer.name not in archives) is not None:
        return earliest, None
    return None, earliest


def decided(timer: SlaTimer, name: str, state: ThresholdState, at: datetime, reason: str | None = None) -> SlaTimer:
    """Return the timer with one threshold decided."""
    return timer.replace(
        thresholds=tuple(
            each.replace(state=state, decided_at=at, reason=reason) if each.name == name else each
            for each in timer.thresholds
        )
    )
