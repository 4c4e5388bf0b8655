"""Time as a proof sees it: any running clock's next threshold may come first, whatever the others' instants are.

The instants of the other clocks are put off for that. So more is looked at than can happen; what is found wrong is
played again with real calendars and times (`story`).
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from duban.proving.moves import TICK, Move
from schemas.ticket import SlaTimer, ThresholdState, Ticket
from services.domain.policy.pack import Pack
from services.domain.sla.thresholds import BREACH, ESCALATION, PAST, due_thresholds, next_actions
from services.ledger.domain.timers import WAITS

MINUTE = timedelta(minutes=1)
MARGIN = timedelta(hours=1)
"""How long after the threshold that comes first the others come at the earliest."""


def time_moves(ticket: Ticket) -> Iterator[Move]:
    """Yield how time may go on: for each running clock up to its limit, or on to the last escalation after it."""
    for timer in ticket.clocks:
        points = [point.name for point in due_thresholds(timer)]
        if not points:
            continue
        if timer.name in WAITS:
            yield Move(TICK, timer.name, timer.unit, points[0])
        elif BREACH in points:
            yield Move(TICK, timer.name, timer.unit, BREACH)
        elif any(point.startswith(ESCALATION) for point in points):
            yield Move(TICK, timer.name, timer.unit, points[-1])


def threshold_of(ticket: Ticket, move: Move) -> datetime | None:
    """Return when the threshold of a move comes; None if the ticket does not have it any more."""
    for timer in ticket.clocks:
        if (timer.name, timer.unit) == (move.clock, move.unit):
            for point in due_thresholds(timer):
                if point.name == move.until:
                    return point.at
    return None


def put_off(ticket: Ticket, at: datetime, pack: Pack, first: Move | None = None) -> Ticket:
    """Return the ticket with every running clock's thresholds after an instant, but for the one that comes first."""
    kept = (first.clock, first.unit) if first is not None else None
    later = at + MARGIN
    clocks = tuple(
        _shifted(timer, later) if (timer.name, timer.unit) != kept and _comes_before(timer, later) else timer
        for timer in ticket.clocks
    )
    if all(one is other for one, other in zip(clocks, ticket.clocks, strict=True)):
        return ticket
    if ticket.open:
        return ticket.replace(clocks=clocks, next_action_at=_next(clocks, pack))
    next_action, archive = next_actions(clocks, pack.limits.archives)
    return ticket.replace(clocks=clocks, next_action_at=next_action, archive_at=archive)


def _next(clocks: tuple[SlaTimer, ...], pack: Pack) -> datetime | None:
    first, archive = next_actions(clocks, pack.limits.archives)
    return first or archive


def moment(ticket: Ticket, move: Move) -> datetime | None:
    """Return when a move happens: an act a minute after the last event, time when its threshold comes."""
    if move.clock is None:
        return ticket.updated_at + MINUTE
    at = threshold_of(ticket, move)
    return None if at is None else max(at, ticket.updated_at) + PAST


def _comes_before(timer: SlaTimer, at: datetime) -> bool:
    return timer.running and any(point.state is ThresholdState.OPEN and point.at < at for point in timer.thresholds)


def _shifted(timer: SlaTimer, at: datetime) -> SlaTimer:
    """Return a clock whose next open threshold comes at an instant, the others as long after it as they did."""
    by = at - min(point.at for point in timer.thresholds if point.state is ThresholdState.OPEN)
    return timer.replace(
        due_at=max(timer.due_at, timer.due_at + by),
        thresholds=tuple(
            point.replace(at=point.at + by) if point.state is ThresholdState.OPEN else point
            for point in timer.thresholds
        ),
    )
