"""Tickets and events of the benchmarks are realistic, and accepted by ledger and monitor."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import lz4.frame
import pytest

from schemas.event import TicketEvent
from schemas.ticket import Ticket
from services.sla_monitor.domain.schedule import Schedule
from services.sla_monitor.events import parse_events
from tests.builders import TicketScenario
from tests.load import tickets

NOON = datetime(2026, 3, 12, 4, 0, tzinfo=UTC).timestamp()


@pytest.fixture(autouse=True)
def fewer_patterns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Decide fewer of the tickets that all others are copies of: each takes a millisecond."""
    monkeypatch.setattr(tickets, "PATTERNS", 60)


def count_updates(schedule: Schedule, records: Sequence[object]) -> int:
    """Return how many records change the monitor's schedule."""
    entries, invalid = parse_events(0, records)
    assert not invalid
    return sum(schedule.update(entry) for entry in entries)


def test_every_background_event_changes_the_monitor_s_schedule() -> None:
    events, schedule = tickets.BackgroundEvents(40), Schedule()
    schedule.start_loading({0})
    for count in (40, 12, 40, 100):
        assert count_updates(schedule, events.take(count)) == count
    assert len(schedule) == 40


def test_consecutive_background_events_are_about_different_tickets() -> None:
    assert len({event.key for event in tickets.BackgroundEvents(300).take(300)}) == 300


def test_background_events_are_not_too_similar_to_compress_realistically() -> None:
    values = [event.value or b"" for event in tickets.BackgroundEvents(100_000).take(100)]
    batch = b"".join(values[:14])  # as much as a producer sends to a partition in one batch
    subjects = {TicketEvent.from_json(value).ticket.subject for value in values}
    assert len(subjects) > 45
    assert len(batch) / len(lz4.frame.compress(batch)) < 12


def test_a_due_ticket_is_the_same_to_ledger_and_monitor() -> None:
    for due in tickets.due(20, NOON, 60.0):
        ticket, event = Ticket.from_json(due.row[-1].encode()), TicketEvent.from_json(due.event.value or b"")
        assert event.ticket == ticket
        assert (ticket.id, ticket.number, ticket.version, ticket.contact_id) == (
            due.id,
            due.row[1],
            due.row[2],
            due.row[5],
        )
        [entry], _ = parse_events(0, [due.event])
        assert entry.at == due.at
        assert UUID(bytes=entry.ticket) == due.id


def test_the_tick_of_a_due_ticket_leads_to_a_warning() -> None:
    for due in tickets.due(20, NOON, 60.0):
        ticket = Ticket.from_json(due.row[-1].encode())
        scenario = TicketScenario(now=datetime.fromtimestamp(due.at, UTC), ticket=ticket, id=ticket.id).tick()
        assert scenario.types == ["warned"]


def test_tickets_come_due_one_after_the_other_over_the_window() -> None:
    moments = [due.at for due in tickets.due(240, NOON, 60.0)]
    assert moments == pytest.approx([NOON + 0.25 * number for number in range(240)], abs=1e-5)
