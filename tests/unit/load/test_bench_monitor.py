"""The method of `make bench-monitor`: what it measures is what it says."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from uuid import UUID, uuid4

import lz4.frame
import pytest

from schemas.event import TicketEvent
from schemas.ticket import Ticket
from services.sla_monitor.domain.schedule import Schedule
from services.sla_monitor.events import parse_events
from tests.builders import TicketScenario
from tests.load import peers, tickets
from tests.load.bench import ON_TIME, Window, cores
from tests.load.outcome import Outcome
from tests.load.reader import Seen
from tests.load.table import Table, figures, spread

NOON = datetime(2026, 3, 12, 4, 0, tzinfo=UTC).timestamp()


def learned(schedule: Schedule, records: Sequence[object]) -> int:
    entries, invalid = parse_events(0, records)
    assert not invalid
    return sum(schedule.update(each) for each in entries)


def test_every_event_of_every_round_is_news_to_the_monitor() -> None:
    news, schedule = tickets.News(100), Schedule()
    schedule.start_loading({0})
    for count in (100, 30, 100, 250):
        assert learned(schedule, news.take(count)) == count
    assert len(schedule) == 100


def test_events_of_a_round_are_about_different_tickets() -> None:
    assert len({each.key for each in tickets.News(1000).take(1000)}) == 1000


def test_events_differ_as_those_of_different_people_do() -> None:
    values = [each.value or b"" for each in tickets.News(100_000).take(400)]
    batch = b"".join(values[:14])  # what the client sends a partition in one go
    told = [TicketEvent.from_json(each).ticket for each in values]
    assert len({each.subject for each in told}) > 200
    assert len(batch) / len(lz4.frame.compress(batch)) < 12


def test_a_ticket_that_comes_due_is_the_same_to_ledger_and_monitor_and_its_tick_warns_of_it() -> None:
    for each in tickets.due(20, NOON, 60.0):
        ticket, event = Ticket.from_json(each.row[-1].encode()), TicketEvent.from_json(each.news.value or b"")
        assert event.ticket == ticket
        assert (ticket.id, ticket.number, ticket.version, ticket.contact_id) == (
            each.id,
            each.row[1],
            each.row[2],
            each.row[5],
        )
        [entry], _ = parse_events(0, [each.news])
        assert entry.at == each.at
        assert UUID(bytes=entry.ticket) == each.id
        scenario = TicketScenario(now=datetime.fromtimestamp(each.at, UTC), ticket=ticket, id=ticket.id).tick()
        assert [event.type for event in scenario.events] == ["warned"]


def test_tickets_come_due_one_after_the_other_over_the_window() -> None:
    moments = [each.at for each in tickets.due(1000, NOON, 60.0)]
    assert moments == pytest.approx([NOON + 0.06 * number for number in range(1000)], abs=1e-5)


def test_processor_time_is_counted_over_the_window_alone() -> None:
    clock = SimpleNamespace(now=0.0, used=0.0)

    def wait_until(instant: float) -> None:
        # Busy but for the window itself, where a fifth of a core is used.
        share = 0.2 if clock.now >= 30 else 1.0
        clock.used += (instant - clock.now) * share
        clock.now = instant

    assert cores(lambda: clock.used, wait_until, 30.0, 60.0) == pytest.approx(0.2)


def test_an_outcome_tells_late_missing_doubled_and_early() -> None:
    one, two, three, four = (uuid4() for _ in range(4))
    due = {one: 10.0, two: 20.0, three: 30.0, four: 40.0}
    found = Outcome.of(due, {one: [10.5], two: [20.1, 25.0], three: [29.9], uuid4(): [7.0]})
    assert found.late == pytest.approx([-0.1, 0.1, 0.5])
    assert (found.missing, found.doubled, found.early) == (1, 1, 1)
    assert not found.sound
    assert found.part(1.0) == pytest.approx(0.5)
    assert Outcome.of({one: 10.0}, {one: [10.5]}).sound
    assert math.isnan(Outcome().part(0.5))


def test_on_time_again_is_what_came_due_after_the_kill_and_was_not_late() -> None:
    before, late, timely = (uuid4() for _ in range(3))
    due = {before: 9.0, late: 11.0, timely: 14.0}
    seen = {before: [10.2], late: [11.5 + ON_TIME], timely: [14.1]}
    assert Window(due, Seen(ticks=seen), 0.0, killed=10.0).on_time_again(seen) == pytest.approx(4.1)
    assert Window({late: 11.0}, Seen(ticks=seen), 0.0, killed=10.0).on_time_again(seen) == math.inf


def test_a_figure_is_a_median_with_its_spread() -> None:
    assert spread([3.0, 1.0, 2.0]) == "2 (1 - 3)"
    assert spread([1234.5], 1) == "1,234.5"
    assert spread([0, 0, 0]) == "0"
    assert spread([0, 0, 7]) == "0 (0 - 7)"
    assert spread([2.0, math.inf], 1) == "never (2.0 - never)"
    assert spread([]) == ""


def test_figures_of_a_driver_of_the_peers_become_a_row_and_a_failure_is_one_too() -> None:
    told = {
        "B": {
            "missing": 0,
            "duplicates": 1,
            "seen": {"p50_ms": 5, "p99_ms": 9, "max_ms": 11},
            "cores_used": 0.3,
            "rss_mb": 500,
        },
        "C": {"missing": 2, "duplicates": 690, "first_on_time_s": None, "rss_mb": 480},
        "rss_loaded_mb": 490,
    }
    found = peers.deadlines(told)
    assert (found["p50"], found["p99"], found["latest"], found["doubled"]) == (5, 9, 11, 1)
    assert (found["memory"], found["most"], found["cores"]) == (490, 500, 0.3)
    assert (found["on_time"], found["missing_then"], found["doubled_then"]) == (math.inf, 2, 690)
    # A peer that was still behind is not killed.
    assert "on_time" not in peers.deadlines({key: value for key, value in told.items() if key != "C"})
    table = Table()
    table.note("one", found)
    table.note("one", {"rate": 1000.0})
    table.fail("other", "no output within 120 s")
    assert table.lines()[2] == "| one | 5 | 9 | 11 | 0 | 1 | never | 2 | 690 | 490 | 500 | 1,000 |  | 0.30 |"
    assert table.lines()[3].startswith("| other: failed, no output within 120 s | ")


def test_a_deadline_that_nobody_saw_has_no_lateness() -> None:
    assert figures(Outcome(missing=3)) == {"missing": 3, "doubled": 0}
