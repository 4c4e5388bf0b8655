"""What must hold whenever the simulated system has settled: nothing early, missed, decided twice, lost or forgotten."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from schemas.event import TicketEvent
from schemas.ticket import ThresholdState, Ticket
from services.ledger.batch_rows import archive_day
from services.ledger.domain.evolve import evolve
from tests import clock_invariants
from tests.builders import PACK
from tests.sim.actors import SimulatedMonitor
from tests.sim.world import World


def check(world: World, monitors: Sequence[SimulatedMonitor], tolerance: timedelta) -> None:
    """Check everything.

    Args:
        world: topics and tables.
        monitors: all of them.
        tolerance: by how much a threshold may have been decided early, because of an undetected clock error.

    Raises:
        AssertionError: an invariant does not hold.

    """
    assert max(world.fired.values(), default=timedelta(0)) <= tolerance, "decided early"
    for id_, ticket in world.tickets.items():
        _check_events(ticket, world.history[id_])
        _check_published(world, id_)
        _check_deadlines(world, ticket)
    _check_schedules(world, monitors)


def _check_events(ticket: Ticket, events: Sequence[TicketEvent]) -> None:
    assert [event.version for event in events] == list(range(1, len(events) + 1)), "a gap in the versions"
    folded = None
    breached: set[tuple[str, int]] = set()
    for event in events:
        if event.threshold is None or event is events[-1]:
            # A threshold changes what runs only where it archives or regrades; the last event shows that.
            clock_invariants.check(event, folded, PACK)
        clock_invariants.check_breach(event, breached)
        folded = evolve(folded, event)
    assert folded == ticket, "the events do not make the ticket"


def _check_published(world: World, ticket: UUID) -> None:
    published = [event.version for partition in world.events for event in partition if event.ticket_id == ticket]
    first = list(dict.fromkeys(published))
    assert first == sorted(first), "events of a ticket are out of order"
    assert set(first) == {event.version for event in world.history[ticket]}, "an event was never published"


def _check_deadlines(world: World, ticket: Ticket) -> None:
    at, archive_at = ticket.next_action_at, ticket.archive_at
    assert at is None or at > world.now, "not decided although nothing is left to do"
    assert archive_at is None or archive_day(archive_at) > world.now.date(), "not archived on its day"
    for timer in ticket.clocks:
        for threshold in timer.thresholds:
            waits_for_day = archive_at is not None and threshold.at >= archive_at
            if timer.running and threshold.state is ThresholdState.OPEN and not timer.held and not waits_for_day:
                assert threshold.at > world.now, f"{timer.name} {threshold.name} was missed"


def _check_schedules(world: World, monitors: Sequence[SimulatedMonitor]) -> None:
    scheduled = [entry for monitor in monitors for entry in monitor.tracker.schedule.entries()]
    deadlines = {
        ticket.id.bytes: ticket.next_action_at for ticket in world.tickets.values() if ticket.next_action_at is not None
    }
    found = {entry.ticket: datetime.fromtimestamp(entry.at, UTC) for entry in scheduled}
    for id_ in found.keys() - deadlines.keys():
        assert _ends_with_an_old_event(world, UUID(bytes=id_)), "a deadline of a ticket that has none"
    assert {id_: found.get(id_) for id_ in deadlines} == deadlines, "a deadline is missing or wrong"
    assert len(scheduled) == len(found), "a ticket is watched by two monitors"


def _ends_with_an_old_event(world: World, ticket: UUID) -> bool:
    """Whether a ledger that had lost the partition has repeated an old event last.

    A monitor that starts after that cannot know better: it sends a tick too many, which changes nothing.
    """
    published = [event.version for partition in world.events for event in partition if event.ticket_id == ticket]
    return published[-1] < world.tickets[ticket].version
