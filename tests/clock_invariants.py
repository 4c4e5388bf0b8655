"""What must hold of a ticket's clocks after every event: no open ticket without one, and none that does not belong.

Used by the random decisions, the simulator and the property tests (R4.1, DECISIONS 43).
"""

from schemas.event import TicketEvent
from schemas.ticket import SlaTimer, Status, ThresholdState, Ticket
from services.domain.policy.clocks import UNDER_WAY, WITH_A_UNIT
from services.domain.policy.pack import Pack
from services.domain.sla.thresholds import BREACH
from services.ledger.domain import timers

CLOSING = "closing"


def check(event: TicketEvent, before: Ticket | None, pack: Pack) -> None:
    """Check the ticket after an event; an event in passing is judged with the one after it.

    Raises:
        AssertionError: names the clock and what is wrong with it.

    """
    ticket = event.ticket
    for timer in ticket.clocks:
        if timer.stopped_at is not None and ticket.status not in UNDER_WAY:
            open_ = [point.name for point in timer.thresholds if point.state is ThresholdState.OPEN]
            assert not open_, f"{timer.key}: {open_} are open after the clock's end"
    assert not ticket.open or watched(ticket, pack), f"{event.type}: {ticket.status} without a promise or closing clock"
    check_assistance(ticket, pack)
    passing = event.type in {"rejected", "reopened"}
    again = timers.Comparison(ticket, ticket, pack, event.at, "noted", promises_only=passing).changed()
    assert not again, f"{event.type}: compared once more, {[timer.key for timer in again]} would change"
    if before is not None and event.threshold is None and not timers.depends_on(event.changes):
        assert not event.clocks or event.type == timers.POLICY_APPLIED, f"{event.type} changes no fact, but clocks"


def check_assistance(ticket: Ticket, pack: Pack) -> None:
    """Check that each assisting unit has the clocks that the pack gives it, and that no other unit has one.

    Raises:
        AssertionError: names the units and clocks that do not fit.

    """
    assert not ticket.assisting or ticket.status in WITH_A_UNIT, f"{ticket.assisting} assist, it is {ticket.status}"
    assert ticket.unit not in ticket.assisting, f"{ticket.unit} assists itself"
    assert [request.unit for request in ticket.assistance_requests] == list(ticket.assisting)
    going = sorted((timer.name, timer.unit or "") for timer in ticket.clocks if timer.unit and timer.stopped_at is None)
    facts = pack.facts_of(ticket)
    wanted = sorted(
        (rule.name, unit)
        for rule in pack.limits.for_each
        for unit in ticket.assisting
        if rule.wanted(ticket, facts, pack.kinds)
    )
    assert going == wanted, f"clocks of assisting units are {going}, not {wanted}"


def check_breach(event: TicketEvent, breached: set[tuple[str, int]]) -> None:
    """Check that each run of a clock is exceeded once at the most, under whatever limit (promise 4).

    Args:
        event: the next one of the ticket.
        breached: clocks with their run that the events before it exceeded; the event's is added.

    Raises:
        AssertionError: names the clock and its run.

    """
    if event.threshold is not None and event.threshold.threshold == BREACH and event.threshold.outcome == "fired":
        key = (event.threshold.clock, event.threshold.run)
        assert key not in breached, f"{key} was exceeded twice"
        breached.add(key)


def watched(ticket: Ticket, pack: Pack) -> bool:
    """Whether a promise or the closing clock runs, or stands still for a wait that ends by itself."""
    names = pack.limits.outer if ticket.status is not Status.ANSWERED else {*pack.limits.outer, CLOSING}
    return any(timer.name in names and _goes_on(timer, ticket) for timer in ticket.clocks)


def _goes_on(timer: SlaTimer, ticket: Ticket) -> bool:
    if timer.paused_at is None:
        return timer.stopped_at is None
    return any(wait.name == timers.SUSPENSION and wait.running and wait.due_at is not None for wait in ticket.clocks)
